"""Texts that each event of a stream repeats in full (a tool's name, an unnamed field), also checked joined.

Such a text is checked as a whole in each event. It may be the same in all of them, so nothing of it can be held back.
But a client may join the texts of one place. Each new text is therefore checked again together with the earlier ones,
and removed if the two form a finding that neither is alone. The earlier text has been sent by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from extproc.domain.errors import refuse
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import TextSource
from extproc.filters.base import ExchangeContext, Filter
from extproc.filters.chain import Chain, Channels, finding
from extproc.payload.view import Slot

Place = tuple[TextSource, int]
"""A channel, and the number of a place in it (see ``Slot``)."""

MANY: Final = 4
"""From this number of whole texts on, one prefilter runs over all of them before each is checked."""
_TAIL_CHARS_MAX: Final = 256
_SAID_AGAIN_MAX: Final = 4  # a text repeated this often is not part of a longer one
_PLACES_PER_CHANNEL: Final = 64  # a place needs no chain, only a few words of memory


class Statements:
    """The whole texts of one stream, by place."""

    __slots__ = ("_channels", "_channels_max", "_exchange", "_filters", "_known")

    def __init__(
        self, channels: Channels, filters: Sequence[Filter], exchange: ExchangeContext, channels_max: int
    ) -> None:
        self._channels = channels
        self._filters = filters
        self._exchange = exchange
        self._channels_max = channels_max
        self._known: dict[Place, tuple[str, str, int]] = {}  # last text, all text of the place, repetitions

    def judge(self, slot: Slot, text: str) -> tuple[str, Chain | None]:
        """Check a text. Returns: its replacement, and the chain that checked it, if one was needed.

        Raises: FilterFailed; PayloadRefused if a stream has too many places.
        """
        place = (slot.source, slot.place)
        known = self._known.get(place)
        if known is not None and known[0] == text and known[2] >= _SAID_AGAIN_MAX:
            return text, None
        chain = self._channels.open_chain(slot.source) if slot.place else self._channels.chain(slot.source)
        released = chain.judge(text)
        if released == text and known is not None and self._goes_on(slot.source, known[1] + text):
            released = ""
        if released == text:
            self.keep(place, text)
        else:
            self._known.pop(place, None)  # the next text is not joined with this one
        return released, chain

    def keep(self, place: Place, text: str) -> None:
        """Record a clean text. Raises: PayloadRefused if a stream has too many places."""
        known = self._known.get(place)
        if known is None:
            if len(self._known) >= self._channels_max * _PLACES_PER_CHANNEL:
                raise refuse(502, "too_many_channels", f"The response has more than {self._channels_max} texts.")
            self._known[place] = (text, text[-_TAIL_CHARS_MAX:], 1)
        else:
            times = known[2] + 1 if known[0] == text else 1
            self._known[place] = (text, (known[1] + text)[-_TAIL_CHARS_MAX:], times)

    def keep_clean(self, slots: Sequence[Slot]) -> bool:
        """Whether a prefilter over many texts finds nothing in any of them; then they are recorded as clean.

        Raises: as ``judge``.
        """
        stated = [slot for slot in slots if slot.place and slot.text]
        texts: list[tuple[TextSource, str]] = []
        for slot in stated:
            known = self._known.get((slot.source, slot.place))
            texts.append((slot.source, slot.text if known is None else known[1] + slot.text))
        if finding(self._filters, texts, self._exchange):
            return False
        for slot in stated:
            self._channels.chain(slot.source)  # marks the channel as present
            self.keep((slot.source, slot.place), slot.text)
        return True

    def _goes_on(self, source: TextSource, joined: str) -> bool:
        """Whether a clean text and the earlier text of its place form a finding; if so, count it."""
        if self.unrecorded_chain(source).judge(joined) == joined:
            return False
        self._channels.new_chain(source).judge(joined)
        return True

    def unrecorded_chain(self, source: TextSource) -> Chain:
        """For a text that is checked again, and was already counted."""
        unrecorded = replace(self._exchange, record=ExchangeRecord("", "", 0))
        return Channels(self._filters, unrecorded, self._channels_max).new_chain(source)
