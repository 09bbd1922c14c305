"""How long recent answers were, of each team at each version: what a request is likely to take of its limits.

A request may ask for many more tokens than its answer then has. To reserve all of them would refuse others for nothing.
So a mean and a spread are kept, in which older answers lose weight: three numbers for each team and version, no text.
"""

from __future__ import annotations

from typing import Final

ANSWER_TOKENS_START: Final = 1_000
"""Of an answer, before any is known. [tokens]"""
KNOWN_MAX: Final = 4_096
"""Teams at versions; when this is exceeded, all are forgotten."""
SPREADS: Final = 1.0
"""How many spreads above the mean an answer is expected to be: five of six are shorter."""
_SHARE_MIN: Final = 1 / 32
"""The weight of one answer, once some are known."""


class _Lengths:
    __slots__ = ("count", "mean", "variance")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.variance = 0.0

    def add(self, tokens: float) -> None:
        self.count += 1
        share = max(1 / self.count, _SHARE_MIN)
        off = tokens - self.mean
        self.mean += share * off
        self.variance = (1 - share) * (self.variance + share * off * off)

    def expected(self) -> int:
        spread = self.variance**0.5 if self.count > 1 else self.mean
        return max(1, round(self.mean + SPREADS * spread))


class AnswerLengths:
    """The lengths of all teams. A team that is not known yet is expected to be like all others at that version."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], _Lengths] = {}

    def expected(self, team: str, version: str, endpoint: str) -> int:
        """Tokens of one choice. Args: version: MODEL/VERSION. [tokens]"""
        found = self._known.get((team, version, endpoint)) or self._known.get(("", version, endpoint))
        return ANSWER_TOKENS_START if found is None else found.expected()

    def learn(self, team: str, version: str, endpoint: str, tokens: float) -> None:
        """A choice has ended. Args: tokens: that the server counted."""
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        for who in (team, ""):
            found = self._known.get((who, version, endpoint))
            if found is None:
                found = self._known[who, version, endpoint] = _Lengths()
            found.add(tokens)

    def __len__(self) -> int:
        """Teams at versions."""
        return len(self._known)
