"""Events that differ from one before them in their text alone: most of a stream.

An event that was read whole, and brought nothing but one text, is a *mould*: the bytes before the text and those behind
it. Where another event has the same bytes on both sides and one JSON string between them, it says the same but for that
string: JSON has no other reading of it. So it need not be parsed, nor taken apart, again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from extproc.domain.text import Kind, TextSource
from extproc.payload.view import Slot, answer_source

# So that a stream whose events take turns (choices, tool calls) is not searched for moulds for ever.
_MOULDS_MAX = 8
_PROBE = "\x01llm-extproc\x01"
_PROBE_JSON = orjson.dumps(_PROBE)
_KINDS = frozenset({Kind.CONTENT, Kind.REASONING})


class PlainChunks:
    """The mould of one stream; until there is one, no event is plain.

    ``source`` is the channel of its text; ``passes``: an event may go on as it came.
    """

    __slots__ = ("_before", "_behind", "_moulds", "_written_before", "_written_behind", "passes", "source")

    def __init__(self) -> None:
        self.source: TextSource = answer_source(Kind.CONTENT, 0)
        self.passes = False
        self._moulds = 0
        self._before = self._behind = b""
        self._written_before = self._written_behind = b""

    def learn(self, tree: dict[str, Any], slot: Slot, shown: Mapping[str, Any]) -> None:
        """Take an event that brought nothing but the text of ``slot`` as the mould, if it can be one.

        The bytes are those that orjson writes; a server that writes others has no plain events.
        Args:
            shown: fields of ``tree`` that the client sees otherwise.
        """
        if self._moulds == _MOULDS_MAX or slot.complete or slot.structured or slot.source.kind not in _KINDS:
            return
        self._moulds += 1
        text, slot.holder[slot.key] = slot.text, _PROBE
        mould, written = orjson.dumps(tree), orjson.dumps({**tree, **shown})
        slot.holder[slot.key] = text
        if mould.count(_PROBE_JSON) != 1:
            return
        self.source, self.passes = slot.source, written == mould
        self._before, _, self._behind = mould.partition(_PROBE_JSON)
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
