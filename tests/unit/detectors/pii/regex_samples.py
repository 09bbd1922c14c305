"""Texts that a regular expression matches, so many and so chosen that each of its alternatives is taken."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_ANY = "              a,1\n"
_BLANKS = " \n\t"
_REPEATED_MORE_MAX = 2


class RegexSampler:
    """Draws texts from a pattern's syntax tree; alternatives are taken in turn, all else by chance.

    Anchors and word boundaries are passed over: a caller drops the texts that do not match.
    """

    def __init__(self, pattern: str, draw: random.Random) -> None:
        self._tree: Any = _parser.parse(pattern)
        self._draw = draw
        self._taken: Counter[int] = Counter()

    @property
    def alternatives_max(self) -> int:
        """After so many samples each alternative of the widest choice has been taken."""
        return _alternatives_max(self._tree)

    def sample(self) -> str:
        """Another text."""
        return "".join(self._of_sequence(self._tree))

    def _of_sequence(self, sequence: Any) -> Iterator[str]:
        for operation, argument in sequence:
            yield from self._of_node(str(operation), argument)

    def _of_node(self, operation: str, argument: Any) -> Iterator[str]:
        match operation:
            case "LITERAL":
                yield chr(argument)
            case "ANY":
                yield "a"
            case "NOT_LITERAL":
                yield next(character for character in _ANY if ord(character) != argument)
            case "IN":
                yield self._of_class(argument)
            case "SUBPATTERN":
                yield from self._of_sequence(argument[-1])
            case "BRANCH":
                branches = argument[1]
                turn = self._taken[id(branches)]
                self._taken[id(branches)] += 1
                yield from self._of_sequence(branches[turn % len(branches)])
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, repeated = argument
                for _ in range(self._draw.randint(least, min(int(most), least + _REPEATED_MORE_MAX))):
                    yield from self._of_sequence(repeated)
            case "AT":
                pass
            case _:
                raise NotImplementedError(operation)

    def _of_class(self, items: list[tuple[Any, Any]]) -> str:
        if str(items[0][0]) == "NEGATE":
            excluded = {character for item in items[1:] for character in self._members(item)}
            return self._draw.choice([character for character in _ANY if character not in excluded])
        return self._draw.choice(list(self._members(self._draw.choice(items))))

    def _members(self, item: tuple[Any, Any]) -> str:
        kind, argument = str(item[0]), item[1]
        if kind == "RANGE":
            return "".join(map(chr, range(argument[0], argument[1] + 1)))
        return chr(argument) if kind == "LITERAL" else _BLANKS


def _alternatives_max(sequence: Any) -> int:
    most = 1
    for operation, argument in sequence:
        match str(operation):
            case "SUBPATTERN":
                most = max(most, _alternatives_max(argument[-1]))
            case "BRANCH":
                most = max(most, len(argument[1]), *map(_alternatives_max, argument[1]))
            case "MAX_REPEAT" | "MIN_REPEAT":
                most = max(most, _alternatives_max(argument[2]))
    return most
