"""The ``h2`` library as the client: another implementation, which checks windows, states and order itself."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes

from extproc.server.transport.h2.connection import H2Connection
from extproc.server.transport.h2.events import (
    H2Event,
)
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.server.transport.h2.wire import REQUEST


class Pair:
    """A client of ``h2`` and our connection, with the bytes carried between them by hand."""

    def __init__(self, limits: H2Limits | None = None) -> None:
        self.client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.server = H2Connection(limits or H2Limits())
        self.received: dict[int, bytes] = {}
        self.trailers: dict[int, dict[str, str]] = {}
        self.resets: dict[int, int] = {}
        self.client_events: list[h2.events.Event] = []
        self.takes = True  # whether the client gives back what it has received
        self.client.initiate_connection()
        self.carry()

    def carry(self) -> list[H2Event]:
        """Everything both have to say, until neither says more. Returns: the server's events."""
        told: list[H2Event] = []
        while True:
            up, down = self.client.data_to_send(), self.server.take_output()
            if not up and not down:
                return told
            told += self.server.receive(up, 0) if up else []
            for event in self.client.receive_data(down) if down else []:
                self._take(event)

    def _take(self, event: h2.events.Event) -> None:
        self.client_events.append(event)
        if isinstance(event, h2.events.DataReceived):
            self.received[event.stream_id] = self.received.get(event.stream_id, b"") + event.data
            if self.takes:
                self.client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, (h2.events.TrailersReceived, h2.events.ResponseReceived)):
            self.trailers.setdefault(event.stream_id, {}).update({str(k): str(v) for k, v in event.headers})
        elif isinstance(event, h2.events.StreamReset):
            self.resets[event.stream_id] = event.error_code

    def open(self, end_stream: bool = False) -> int:
        """Begin a call."""
        stream_id = self.client.get_next_available_stream_id()
        self.client.send_headers(stream_id, REQUEST, end_stream=end_stream)
        return stream_id

    def window(self, size: int) -> None:
        """The client changes the initial window of its streams."""
        self.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})
