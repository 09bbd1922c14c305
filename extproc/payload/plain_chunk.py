"""A fast path for events that differ from an earlier one in their text alone, as most of a stream do.

An event that was parsed, and has nothing but one text, becomes a *template*: the bytes before the text and those after
it. If another event has the same bytes on both sides and one JSON string between them, it differs in that string only:
JSON has no other interpretation of it. So it need not be parsed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from extproc.domain.text import Kind, TextSource
from extproc.payload.view import Slot, response_source

# Bounds the attempts in a stream whose events alternate (choices, tool calls).
_TEMPLATES_MAX: Final = 8
_PROBE: Final = "\x01llm-extproc\x01"
_PROBE_JSON: Final = orjson.dumps(_PROBE)
_KINDS: Final = frozenset({Kind.CONTENT, Kind.REASONING})


class PlainChunks:
    """The template of one stream; without one, no event is plain.

    ``source`` is the channel of its text; ``passes``: an event may be forwarded unchanged.
    """

    __slots__ = ("_before", "_behind", "_templates", "_written_before", "_written_behind", "passes", "source")

    def __init__(self) -> None:
        self.source: TextSource = response_source(Kind.CONTENT, 0)
        self.passes = False
        self._templates = 0
        self._before = self._behind = b""
        self._written_before = self._written_behind = b""

    def learn(self, tree: dict[str, Any], slot: Slot, shown: Mapping[str, Any]) -> None:
        """Use an event that has nothing but the text of ``slot`` as the template, if possible.

        The bytes must be those that orjson writes; a server that serializes differently has no plain events.

        Args: shown: fields of ``tree`` that the client sees with other values.
        """
        if self._templates == _TEMPLATES_MAX or slot.complete or slot.structured or slot.source.kind not in _KINDS:
            return
        self._templates += 1
        text, slot.holder[slot.key] = slot.text, _PROBE
        template, written = orjson.dumps(tree), orjson.dumps({**tree, **shown})
        slot.holder[slot.key] = text
        if template.count(_PROBE_JSON) != 1:
            return
        self.source, self.passes = slot.source, written == template
        self._before, _, self._behind = template.partition(_PROBE_JSON)
        self._written_before, self._written_behind = self._before, self._behind
        if not self.passes:
            self._written_before, _, self._written_behind = written.partition(_PROBE_JSON)

    def text_of(self, data: bytes | None) -> str | None:
        """The text of a plain event; None for any other, and for one without text."""
        before, behind = self._before, self._behind
        if not before or data is None or not data.startswith(before) or not data.endswith(behind):
            return None
        literal = data[len(before) : len(data) - len(behind)]
        if literal[:1] != b'"':
            return None
        try:
            text: str = orjson.loads(literal)
        except orjson.JSONDecodeError:
            return None
        return text or None

    def write(self, text: str) -> bytes:
        """A plain event with another text."""
        return b"data: " + self._written_before + orjson.dumps(text) + self._written_behind + b"\n\n"
