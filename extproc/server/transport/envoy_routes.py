"""What the calling Envoys route, and what of the configuration they do not know yet.

Envoy states its routes in each call (``config.routed``). A statement is compared with the configuration once; after
that it costs a call one look-up.
"""

from __future__ import annotations

from typing import Final

from extproc.config.models import CompiledVersion
from extproc.config.routed import RoutedVersion, Unknown, unknown_to
from extproc.exchange.snapshot import Snapshot

STATEMENTS_MAX: Final = 256
"""Different statements that are kept for one configuration; Envoys state few."""
_NOTHING: Final = Unknown(frozenset(), ())


def _as_routed(model: str, version: CompiledVersion) -> RoutedVersion:
    fallback = "" if version.fallback is None else version.fallback.hash
    return RoutedVersion(model, version.facts.version, version.endpoints_hash, fallback)


class _Statement:
    """One statement, compared with one configuration. ``seen``: since the last ``stale``."""

    __slots__ = ("seen", "unknown")

    def __init__(self, unknown: Unknown) -> None:
        self.unknown = unknown
        self.seen = True


class EnvoyRoutes:
    """The statements of all Envoys that call one processor."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._statements: dict[bytes, _Statement] = {}

    def use(self, snapshot: Snapshot) -> None:
        """Compare with another configuration from now on."""
        self._snapshot = snapshot
        self._statements = {}

    def unrouted(self, stated: bytes) -> frozenset[str]:
        """MODEL/VERSION of each version that an Envoy does not route; none if it states nothing.

        Args: stated: the value of ``x-llm-routes``; empty if the call has none.
        """
        return self.compared(stated).versions

    def compared(self, stated: bytes) -> Unknown:
        """What an Envoy knows, and how it routes. Args: as above."""
        known = self._statements.get(stated)
        if known is None:
            known = self._read(stated)
        known.seen = True
        return known.unknown

    def stale(self) -> list[str] | None:
        """Configuration keys that an Envoy does not know which has called since the last time; None if none has."""
        seen = [statement for statement in self._statements.values() if statement.seen]
        for statement in seen:
            statement.seen = False
        return sorted({key for statement in seen for key in statement.unknown.keys}) if seen else None

    def _read(self, stated: bytes) -> _Statement:
        versions = (
            _as_routed(model.name, version) for model in self._snapshot.models.values() for version in model.versions
        )
        known = _Statement(unknown_to(stated.decode("latin-1"), versions) if stated else _NOTHING)
        if len(self._statements) >= STATEMENTS_MAX:
            self._statements.clear()
        self._statements[stated] = known
        return known
