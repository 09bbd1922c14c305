"""What a configuration says of marks between hops, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.config.document import Document, Role
from extproc.config.hops import guard_digests
from extproc.domain.masks import PROCESS_KEY
from extproc.exchange.hop_marks import HopKey, hop_key


@dataclass(frozen=True, slots=True)
class HopTerms:
    """How marks are signed, or checked.

    Attributes:
        keys: each is accepted; the first signs.
        version: MODEL/VERSION of the server next to this hop, which checks marks; empty: it signs them.
        skips_all: whether a marked request skips every guard, whatever the mark names.
        guards: digest of each guard, by policy and by its name.
    """

    keys: tuple[HopKey, ...]
    version: str
    age_s_max: int
    skips_all: bool
    guards: Mapping[str, Mapping[str, str]]

    @property
    def checks(self) -> bool:
        """Whether this hop comes second."""
        return self.version != ""


def compile_hops(document: Document, texts: Mapping[str, str], keys: Mapping[str, bytes]) -> HopTerms | None:
    """Compile a validated section; None without one. Args: texts, keys: as for ``compile_snapshot``."""
    hops = document.hops
    if hops is None:
        return None
    version = document.guard_version if document.role is Role.GUARD else None
    secrets = [keys.get(file) or keys[PROCESS_KEY] for file in hops.key_files]
    return HopTerms(
        tuple(hop_key(secret) for secret in secrets),
        version or "",
        hops.age_s_max,
        hops.skip_guards == "all",
        guard_digests(document, texts),
    )
