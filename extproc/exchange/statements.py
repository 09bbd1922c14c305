"""What the events of a stream state, each for itself (a tool's name, an unnamed field), read together too.

Such a text is judged whole in each event: it may be the same in all of them, so nothing of it can be held back. But a
client may join what stood in one place, so what comes there is judged once more behind what was there before, and is
taken out where the two make something that neither is. What came before has gone out then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from extproc.domain.errors import refuse
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import TextSource
from extproc.filters.base import ExchangeFacts, Filter
from extproc.filters.chain import Chain, Channels, finding
from extproc.payload.view import Slot

Place = tuple[TextSource, int]
"""A channel, and the number of a place in it (see ``Slot``)."""

_TAIL_CHARS_MAX = 256
_SAID_AGAIN_MAX = 4  # a text that is repeated as often as that is no part of a longer one
_PLACES_PER_CHANNEL = 64  # a place needs no chain, only a few words of memory


class Statements:
    """The texts of one stream that come whole, by their places."""

    def __init__(
        self, channels: Channels, filters: Sequence[Filter], exchange: ExchangeFacts, channels_max: int
    ) -> None:
        self._channels = channels
        self._filters = filters
        self._exchange = exchange
        self._channels_max = channels_max
        self._known: dict[Place, tuple[str, str, int]] = {}  # last text, what stood there in all, times

    def judge(self, slot: Slot, text: str) -> tuple[str, Chain | None]:
        """What becomes of a text, and the chain that has judged it, if one had to.

        Raises: FilterFailed; PayloadRefused, if a stream has more places than may be.
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
            self._known.pop(place, None)  # what comes next stands behind nothing of it
        return released, chain

    def keep(self, place: Place, text: str) -> None:
        """A text was clean. Raises: PayloadRefused, if a stream has more places than may be."""
        known = self._known.get(place)
        if known is None:
            if len(self._known) >= self._channels_max * _PLACES_PER_CHANNEL:
                raise refuse(502, "too_many_channels", f"The answer has more than {self._channels_max} texts.")
            self._known[place] = (text, text[-_TAIL_CHARS_MAX:], 1)
        else:
            times = known[2] + 1 if known[0] == text else 1
            self._known[place] = (text, (known[1] + text)[-_TAIL_CHARS_MAX:], times)

    def keep_clean(self, slots: Sequence[Slot]) -> bool:
        """Whether a quick look at many texts says that nothing is in any of them; then they are kept.

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
            self._channels.chain(slot.source)  # a channel that has come
            self.keep((slot.source, slot.place), slot.text)
        return True

    def _goes_on(self, source: TextSource, joined: str) -> bool:
        """Whether a clean text makes a finding with what stood in its place before; if so it is counted."""
        if self.unrecorded_chain(source).judge(joined) == joined:
            return False
        self._channels.new_chain(source).judge(joined)
        return True

    def unrecorded_chain(self, source: TextSource) -> Chain:
        """For a text that is judged once more, and was counted."""
        unrecorded = replace(self._exchange, record=ExchangeRecord("", "", 0))
        return Channels(self._filters, unrecorded, self._channels_max).new_chain(source)
