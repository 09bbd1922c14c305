"""What the events of a stream state, each for itself (a tool's name, an unnamed field), read together too.

Such a text is judged whole in each event: it may be the same in all of them, so nothing of it can be held back. But a
client may join what stood in one place, so what comes there is judged once more behind what was there before, and is
taken out where the two make something that neither is. What came before has gone out then.
"""

from __future__ import annotations

from extproc.domain.errors import refuse
from extproc.domain.text import TextSource

Place = tuple[TextSource, int]
"""A channel, and the number of a place in it (see ``Slot``)."""
_TAIL_CHARS_MAX = 256
_SAID_AGAIN_MAX = 4  # a text that is repeated as often as that is no part of a longer one


class Statements:
    """The last texts of each place of one stream."""

    __slots__ = ("_known", "_places_max")

    def __init__(self, places_max: int) -> None:
        self._places_max = places_max
        self._known: dict[Place, tuple[str, str, int]] = {}  # last text, what stood there in all, times

    def is_settled(self, place: Place, text: str) -> bool:
        """Whether the same text stood there so often, and was clean, that it need not be judged again."""
        known = self._known.get(place)
        return known is not None and known[0] == text and known[2] >= _SAID_AGAIN_MAX

    def tail(self, place: Place) -> str:
        """What stood there before, and was clean."""
        known = self._known.get(place)
        return known[1] if known is not None else ""

    def keep(self, place: Place, text: str) -> None:
        """The text was clean. Raises: PayloadRefused, if a stream has more places than may be."""
        known = self._known.get(place)
        if known is None:
            if len(self._known) >= self._places_max:
                raise refuse(502, "too_many_channels", f"The answer has more than {self._places_max} places for texts.")
            self._known[place] = (text, text[-_TAIL_CHARS_MAX:], 1)
        else:
            times = known[2] + 1 if known[0] == text else 1
            self._known[place] = (text, (known[1] + text)[-_TAIL_CHARS_MAX:], times)

    def forget(self, place: Place) -> None:
        """The text was changed: what comes next stands behind nothing of it."""
        self._known.pop(place, None)
