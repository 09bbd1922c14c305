"""The text of a prompt as a template: constant parts and ``{{ variables }}`` between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from extproc.config.prompt_variables import BUILT_IN, Variable, cleaner

Position = Literal["first", "replace", "if_absent"]
_PLACE: Final = re.compile(r"\\\{\{|\{\{[ \t]*([a-z][a-z0-9_]*)[ \t]*\}\}|\{\{")
"""An escaped ``{{``, a variable, or a ``{{`` that begins none."""


@dataclass(frozen=True, slots=True)
class CompiledVariable:
    """A variable that an exchange fills in."""

    name: str
    header: str | None  # None: a built-in
    clean: Callable[[str], str]

    def value(self, values: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """Its value in one exchange, safe to insert. Args: values: of the built-in variables."""
        return self.clean(values.get(self.name, "") if self.header is None else headers.get(self.header, ""))


@dataclass(frozen=True, slots=True)
class CompiledPrompt:
    """A system prompt.

    Attributes:
        text: as written, with its variables.
        parts: constant texts and variables, in order.
        constant_text: without its variables.
        is_constant: it has none.
    """

    name: str
    fingerprint: str
    position: Position
    text: str
    parts: tuple[str | CompiledVariable, ...]

    constant_text: str
    is_constant: bool

    @property
    def constants(self) -> list[str]:
        """The constant texts."""
        return [part for part in self.parts if isinstance(part, str)]

    def filled(self, values: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """The text for one exchange. Args: values: of the built-in variables."""
        return "".join(part if isinstance(part, str) else part.value(values, headers) for part in self.parts)


@dataclass(frozen=True, slots=True)
class UnknownPlace:
    """A ``{{`` that is no declared variable, and its position in the text. [characters]"""

    name: str  # empty: there is no name
    at: int


def unknown_places(text: str, declared: Iterable[str]) -> Iterator[UnknownPlace]:
    """Every ``{{`` of a text that would not be filled in."""
    known = {*BUILT_IN, *declared}
    for match in _PLACE.finditer(text):
        name = match[1]
        if not match[0].startswith("\\") and name not in known:
            yield UnknownPlace(name or "", match.start())


def compile_prompt(
    name: str, fingerprint: str, position: Position, text: str, variables: Mapping[str, Variable]
) -> CompiledPrompt:
    """A prompt whose variables are all declared or built in."""
    compiled = {one: _compiled(one, variables.get(one, Variable())) for one in (*BUILT_IN, *variables)}
    return _of_parts(name, fingerprint, position, text, list(_parts(text, compiled)))


def verbatim_prompt(name: str, fingerprint: str, position: Position, text: str) -> CompiledPrompt:
    """A prompt without variables; ``{{`` is only text."""
    return _of_parts(name, fingerprint, position, text, [text])


def _of_parts(
    name: str, fingerprint: str, position: Position, text: str, parts: Sequence[str | CompiledVariable]
) -> CompiledPrompt:
    constants = [part for part in parts if isinstance(part, str)]
    is_constant = len(constants) == len(parts)
    return CompiledPrompt(name, fingerprint, position, text, tuple(parts), "".join(constants), is_constant)


def _compiled(name: str, variable: Variable) -> CompiledVariable:
    return CompiledVariable(name, variable.header, cleaner(variable))


def _parts(text: str, variables: Mapping[str, CompiledVariable]) -> Iterator[str | CompiledVariable]:
    constant, end = "", 0
    for match in _PLACE.finditer(text):
        constant += text[end : match.start()]
        end = match.end()
        if match[1] is None:
            constant += "{{"
            continue
        if constant:
            yield constant
        yield variables[match[1]]
        constant = ""
    constant += text[end:]
    if constant:
        yield constant
