"""What a process that serves tells the one that ships about GPUs: whom to ask. It imports nothing of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from extproc.config.document import Document, Role
from extproc.config.endpoints import is_name
from extproc.config.gpu_checks import guarded_endpoint


class ConfiguredServer(NamedTuple):
    """A server of the configuration.

    Attributes:
        endpoint: HOST:PORT, or its name in role guard.
        metrics: HOST:PORT of its metrics; empty: at the endpoint.
        gpus: 0: as its pod requests. kind: empty: as its node's label says.
        price: name of a price; empty: that of its kind.
    """

    endpoint: str
    gpus: int
    kind: str
    price: str
    metrics: str = ""

    @property
    def is_looked_up(self) -> bool:
        """Whether its pod says something of its GPUs."""
        return not self.gpus or not self.kind


class PodSettings(NamedTuple):
    """Where the pods of servers are; see ``KubernetesGpus``. ``priced``: kinds that have a price."""

    namespaces: tuple[str, ...]
    resource: str
    kind_label: str
    priced: tuple[str, ...] = ()


class AskedAddress(NamedTuple):
    """Where a server says what it does, and what the configuration has of it."""

    metrics: str
    configured: ConfiguredServer


class SamplingSettings(NamedTuple):
    """Attributes:
    is_guard: the only server is the one next to this processor, which nobody else can ask.
    pods: None: no pod is looked up.
    """

    scrape_s: float
    keep_days: int
    is_guard: bool
    servers: tuple[ConfiguredServer, ...]
    pods: PodSettings | None = None

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Self:
        """What ``sampling_settings`` gave."""
        servers = tuple(ConfiguredServer(*one) for one in values["servers"])
        pods = None
        if values["pods"] is not None:
            namespaces, resource, kind_label, priced = values["pods"]
            pods = PodSettings(tuple(namespaces), resource, kind_label, tuple(priced))
        return cls(values["scrape_s"], values["keep_days"], values["is_guard"], servers, pods)

    @property
    def names(self) -> tuple[str, ...]:
        """Endpoints that are names, whose addresses are the servers."""
        return () if self.is_guard else tuple(one.endpoint for one in self.servers if is_name(one.endpoint))

    def asked(self, addresses: Mapping[str, tuple[str, ...]]) -> dict[str, AskedAddress]:
        """Whom to ask, by the server's name in entries. A server that is listed by its address is no other's.

        Args: addresses: IP:PORT of each name, as far as they are known.
        """
        if self.is_guard:
            return {one.endpoint: AskedAddress(one.metrics, one) for one in self.servers}
        found = {
            one.endpoint: AskedAddress(one.metrics or one.endpoint, one)
            for one in self.servers
            if not is_name(one.endpoint)
        }
        for one in self.servers:
            for address in addresses.get(one.endpoint, ()) if is_name(one.endpoint) else ():
                found.setdefault(address, AskedAddress(_metrics_of(one, address), one))
        return found


def sampling_settings(document: Document) -> dict[str, Any] | None:
    """The settings of the shipper; None: GPUs are not configured."""
    gpus = document.gpus
    if gpus is None:
        return None
    is_guard = document.role is Role.GUARD
    next_to_it = (guarded_endpoint(document) or "") if is_guard else ""
    servers = [
        ConfiguredServer(one.endpoint, one.gpus or 0, one.kind or "", one.price or "", one.metrics or next_to_it)
        for one in gpus.servers
        if not is_guard or one.endpoint == gpus.server
    ]
    pods = None
    if gpus.kubernetes is not None:
        priced = tuple(one.kind for one in gpus.prices if one.kind is not None)
        pods = PodSettings(**gpus.kubernetes.model_dump(), priced=priced)
    terms = SamplingSettings(gpus.scrape_s, gpus.keep_days, is_guard, tuple(servers), pods)._asdict()
    return {**terms, "servers": [list(one) for one in servers]}


def _metrics_of(server: ConfiguredServer, address: str) -> str:
    """Of an address behind a name: if the metrics have the same host, they are there, at their port."""
    (name, _, _), (host, _, port) = server.endpoint.rpartition(":"), server.metrics.rpartition(":")
    if not server.metrics:
        return address
    return f"{address.rpartition(':')[0]}:{port}" if host == name else server.metrics
