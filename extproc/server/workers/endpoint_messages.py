"""What the supervisor knows of endpoints, for workers: one process asks model servers and resolvers for all."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.server.workers.link import Link, message_bytes
from extproc.server.workers.places import Worker

NAMES_MAX: Final = 256


class EndpointMessages:
    """Passes on loads and addresses.

    Args: living: the workers of the moment.
    """

    def __init__(self, living: Collection[Worker]) -> None:
        self._living = living
        self._addresses: dict[str, tuple[str, ...]] = {}

    def tell_load(self, endpoint: str, load: EndpointLoad) -> None:
        """Tell all workers what a model server says of its load."""
        self._send(message_bytes({"kind": "endpoint_load", "endpoint": endpoint, "load": load}))

    def tell_addresses(self, name: str, addresses: tuple[str, ...]) -> None:
        """Tell all workers the addresses of an endpoint that is a name."""
        if len(self._addresses) >= NAMES_MAX:
            self._addresses.clear()
        self._addresses[name] = addresses
        self._send(_addresses_message(name, addresses))

    def tell_new(self, link: Link) -> None:
        """Tell a worker that starts what the others were told. Loads come again by themselves."""
        for name, addresses in self._addresses.items():
            link.send_bytes(_addresses_message(name, addresses))

    def _send(self, message: bytes) -> None:
        for worker in self._living:
            worker.link.send_bytes(message)


def _addresses_message(name: str, addresses: tuple[str, ...]) -> bytes:
    return message_bytes({"kind": "endpoint_addresses", "endpoint": name, "addresses": addresses})
