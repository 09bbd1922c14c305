"""``extproc review next``: one finding after another, one key each.

Findings come in a random order. So the labels are a random sample, which precision needs, and two reviewers at once
rarely meet; where they do, the first label stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from rich.console import Console

from extproc.cli.review_output import print_question, word_of
from extproc.sinks.review.entries import Label, ReviewLabel, Stored

if TYPE_CHECKING:
    from extproc.sinks.review.store import Store

QUESTION: Final = "r right, w wrong, s skip, n note, u undo, q quit?"
_VERDICTS: Final = {"r": ReviewLabel.CONFIRM, "w": ReviewLabel.REJECT}


class KeyReader(Protocol):
    """Where keys come from."""

    def drop(self) -> None:
        """Forget keys that were pressed before a question."""
        ...

    def key(self) -> str | None:
        """The next key; None at the end."""
        ...

    def line(self) -> str:
        """A whole line."""
        ...


class Decided(NamedTuple):
    """What a reviewer decided about the finding at a place of the order; without a label it was skipped."""

    place: int
    label: Label | None


@dataclass
class Reviewer:
    """A person who goes through the findings with these numbers.

    Attributes:
        decided: in the order of the decisions.
    """

    store: Store
    by: str
    numbers: Sequence[int]
    keys: KeyReader
    console: Console
    note_chars_max: int
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    decided: list[Decided] = field(default_factory=list)
    _place: int = 0

    @property
    def labeled(self) -> dict[int, Label]:
        """The labels that were given, by the numbers of their findings."""
        return {self.numbers[one.place]: one.label for one in self.decided if one.label is not None}

    @property
    def skipped(self) -> list[int]:
        """The numbers of the findings that were skipped."""
        return [self.numbers[one.place] for one in self.decided if one.label is None]

    def run(self) -> None:
        """Ask until the person quits, or nothing waits. Raises: StoreFailed; labels until then are stored."""
        goes_on = True
        while goes_on and self._place < len(self.numbers):
            stored = self._waiting(self.numbers[self._place])
            if stored is None:
                self._place += 1
            else:
                print_question(self.console, stored, self._place + 1, len(self.numbers))
                goes_on = self._ask(stored)

    def _waiting(self, number: int) -> Stored | None:
        """The finding; None if it was deleted, or labeled by somebody else, in the meantime."""
        from extproc.sinks.review.labels import NoSuchFinding

        try:
            stored, _ = self.store.get(number)
        except NoSuchFinding:
            return None
        return stored if stored.verdict is None else None

    def _ask(self, stored: Stored) -> bool:
        """Take keys until the finding is decided, or another one is shown. Returns: False to quit."""
        note = ""
        while True:
            key = self._key()
            if key in _VERDICTS:
                self._label(stored.id, Label(_VERDICTS[key], self.by, self.now_ms(), note))
                return True
            if key == "s":
                self._decide(None)
                self._say("skipped")
                return True
            if key == "u" and self._undo():
                return True
            if key == "n":
                note = self._note(note)
            if key in ("q", None):
                self._say("quit")
                return False

    def _key(self) -> str | None:
        self.keys.drop()
        self.console.print(QUESTION, end=" ", highlight=False, soft_wrap=True)
        return self.keys.key()

    def _decide(self, label: Label | None) -> None:
        self.decided.append(Decided(self._place, label))
        self._place += 1

    def _label(self, number: int, label: Label) -> None:
        from extproc.sinks.review.labels import NoSuchFinding

        try:
            other = self.store.label_waiting(number, label)
        except NoSuchFinding:
            self._say(f"finding {number} has been deleted meanwhile")
            self._place += 1
            return
        if other is None:
            self._say(word_of(label.verdict))
            self._decide(label)
        else:
            self._say(f"{other.by} has said {word_of(other.verdict)} meanwhile, and that stays")
            self._place += 1

    def _undo(self) -> bool:
        """Go back to the last finding that was decided. Returns: whether there is one."""
        if not self.decided:
            self._say("nothing to undo")
            return False
        place, label = self.decided.pop()
        if label is not None and not self._take_back(self.numbers[place], label):
            return False
        self._say("undone")
        self._place = place
        return True

    def _take_back(self, number: int, label: Label) -> bool:
        from extproc.sinks.review.labels import NoSuchFinding

        try:
            other = self.store.take_back(number, label)
        except NoSuchFinding:
            self._say(f"finding {number} has been deleted since")
            return False
        if other is not None:
            self._say(f"{other.by} has said {word_of(other.verdict)} since, and that stays")
        return other is None

    def _note(self, before: str) -> str:
        self._say("note")
        self.console.print("note, for the next label:", end=" ", highlight=False)
        note = self.keys.line()
        if len(note) <= self.note_chars_max:
            return note
        self._say(f"a note has at most {self.note_chars_max} characters; this one was not taken")
        return before

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
