"""A receiver of CloudEvents: it reads batches as OpenMeter does, and knows events again by source and id."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import jsonschema

from tests.quiet_server import QuietServer

BATCH = "application/cloudevents-batch+json"
TOKEN = "T0K3N-of-the-receiver"
SECRET_PATH = "T0PSECRET"
_SCHEMA = json.loads(Path(__file__).with_name("cloudevents_schema.json").read_text())
_NAME = re.compile(r"[a-z0-9]{1,20}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
Event = dict[str, Any]


def check_event(event: Event) -> None:
    """Raise if it is no CloudEvent: the schema, and what the specification says in words."""
    jsonschema.validate(event, _SCHEMA)
    assert event["specversion"] == "1.0"
    assert all(_NAME.fullmatch(name) for name in event), "names of attributes are lower-case letters and digits"
    if "time" in event:
        assert _TIME.fullmatch(event["time"]), "RFC 3339"
        datetime.fromisoformat(event["time"])
    assert event["datacontenttype"] == "application/json"


class Receiver:
    """Answers 204 to what it takes.

    Attributes:
        statuses: of the next answers; after them it takes what ``refuses`` does not.
        refuses: whether an event is none for it, as a whole batch is with it (400).
        requests: the ids of each request.
        events: that it has taken, by source and id.
    """

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.refuses: Callable[[Event], bool] = lambda _: False
        self.bytes_max = 10_000_000
        self.headers: dict[str, str] = {}
        self.silent = threading.Event()
        self.requests: list[list[str]] = []
        self.events: dict[tuple[str, str], Event] = {}
        self.again = 0
        self.url = ""
        self.invalid: list[BaseException] = []

    def answer(self, request: BaseHTTPRequestHandler) -> int:
        """Take a batch, or do not. Returns: the status."""
        body = request.rfile.read(int(request.headers["content-length"]))
        if self.silent.is_set():
            request.connection.recv(1)  # until the client goes
            return 0
        if request.headers["content-type"] != BATCH:
            return 415
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return 401
        events: list[Event] = json.loads(body)
        self.requests.append([event["id"] for event in events])
        try:
            for event in events:
                check_event(event)
        except (AssertionError, jsonschema.ValidationError, ValueError) as error:
            self.invalid.append(error)
            return 400
        if self.statuses:
            return self.statuses.pop(0)
        if len(body) > self.bytes_max:
            return 413
        if any(map(self.refuses, events)):
            return 400
        for event in events:
            self.again += (event["source"], event["id"]) in self.events
            self.events.setdefault((event["source"], event["id"]), event)
        return 204


@contextmanager
def receiving(receiver: Receiver) -> Iterator[Receiver]:
    """The receiver, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = receiver.answer(self)
            if status:
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with QuietServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/{SECRET_PATH}/events"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
    assert not receiver.invalid, receiver.invalid
