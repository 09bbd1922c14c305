"""A stop of the demo's tour: what was sent, what came of it, what was found, and why that matters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Effect = Literal["block", "mask", "flag"]
"""What a guard's finding does: refuse or cut, replace, only count."""


class Found(NamedTuple):
    """Findings that the processor counted during a stop."""

    guard: str
    direction: str
    kind: str
    times: int


@dataclass(slots=True)
class Stop:
    """One stop.

    Attributes:
        title: its name.
        sent: what was sent.
        why: why it matters, in a few words.
        guard: the guard that it shows, by name; empty: none.
        effect: what the guard's finding does.
        found_texts: the words in ``sent`` or ``outcome`` that were found, or replace what was found.
        outcome: what came of it in short; empty: what the client saw.
        client_saw, model_saw: what both sides saw, in full.
        measured: what was counted.
        found: the guard's findings, as the metrics count them.
        wrong: the differences from what is expected.
    """

    title: str
    sent: str
    why: str
    guard: str = ""
    effect: Effect | None = None
    found_texts: tuple[str, ...] = ()
    outcome: str = ""
    client_saw: str = ""
    model_saw: str = ""
    measured: str = ""
    found: tuple[Found, ...] = ()
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, got: object, expected: object) -> None:
        """Record a difference."""
        if got != expected:
            self.wrong.append(f"{what} is {got!r}, expected {expected!r}")

    @property
    def came_of_it(self) -> str:
        """What came of the request, in short."""
        return self.outcome or self.client_saw

    @property
    def found_where(self) -> str:
        """The kinds of the findings and where they were; empty without a finding."""
        where = {"request": "the request", "response": "the answer"}
        kinds: dict[str, list[str]] = {}
        for one in self.found:
            kinds.setdefault(one.direction, []).append(one.kind)
        return "; ".join(f"{', '.join(sorted(names))} in {where[side]}" for side, names in sorted(kinds.items()))
