"""What a guarded stream is held to: its request, and the limits in force."""

from __future__ import annotations

from dataclasses import dataclass

from extproc.payload.ends import End
from extproc.payload.renamed_model import RenamedModel
from extproc.payload.view import CopyRules


@dataclass(frozen=True, slots=True)
class StreamTerms:
    """The terms of a stream: ``choices`` is the number requested, ``own_ends`` the model's own ends."""

    choices: int
    channels_max: int
    event_bytes_max: int
    copies: CopyRules
    hides_usage: bool
    own_ends: frozenset[End]
    renamed: RenamedModel | None = None
