"""How lists of words are written: alternatives, optional endings and stems, so that a list stays short enough to read.

kill(s|ed|ing)?          kill, kills, killed, killing
poison*                  every word that begins so
fake (id|passport)s?     phrases: words with a blank between them; a hyphen is a blank
"""

from __future__ import annotations

from collections.abc import Iterator


def expanded(written: str) -> list[str]:
    """Every word and phrase of a list, each once.

    Raises: ValueError for a parenthesis without its partner, or a phrase whose first word is a stem.
    """
    notation = _Notation(written.replace("-", " "))
    found = dict.fromkeys(" ".join(phrase.split()) for phrase in notation.alternatives())
    if notation.place < len(written):
        raise ValueError(f"a closing parenthesis without an opening one at {notation.place} of {written[:40]!r}…")
    for phrase in found:
        if "*" in phrase.split(" ")[0][:-1] or (phrase.split(" ")[0].endswith("*") and " " in phrase):
            raise ValueError(f"only the last words of a phrase may be stems: {phrase!r}")
    return [phrase for phrase in found if phrase]


class _Notation:
    """A parser of one list; each method returns what may be written at its place."""

    def __init__(self, written: str) -> None:
        self._written = written
        self.place = 0

    def alternatives(self) -> list[str]:
        found = self._sequence()
        while self._take("|"):
            found += self._sequence()
        return found

    def _sequence(self) -> list[str]:
        found = [""]
        while self.place < len(self._written) and self._written[self.place] not in "|)":
            items = list(self._item())
            found = [before + item for before in found for item in items]
        return found

    def _item(self) -> Iterator[str]:
        if self._take("("):
            items = self.alternatives()
            if not self._take(")"):
                raise ValueError(f"an opening parenthesis without a closing one before {self.place}")
        else:
            items = [self._written[self.place]]
            self.place += 1
        if self._take("?"):
            yield ""
        yield from items

    def _take(self, character: str) -> bool:
        taken = self._written[self.place : self.place + 1] == character
        self.place += taken
        return taken
