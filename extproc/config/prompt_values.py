"""What the variables of a prompt become, for who gives their values by name and has no exchange."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from extproc.config.prompt_template import CompiledPrompt, CompiledVariable
from extproc.config.prompt_variables import BUILT_IN, Variable

FillOutcome = Literal["as given", "cleaned", "default", "not given"]


@dataclass(frozen=True, slots=True)
class FilledVariable:
    """A variable with its value.

    Attributes:
        header: that brings it; None: it is built in.
        given: None: nothing was.
    """

    name: str
    header: str | None
    given: str | None
    value: str
    outcome: FillOutcome


def variables_of(prompt: CompiledPrompt) -> list[CompiledVariable]:
    """The variables in the text, in order, each once."""
    return list({part.name: part for part in prompt.parts if not isinstance(part, str)}.values())


def filled_text(prompt: CompiledPrompt, given: Mapping[str, str]) -> str:
    """The text with these values, as an exchange fills it in."""
    return prompt.filled(*_as_exchange(prompt, given))


def filled_variables(
    prompt: CompiledPrompt, declared: Mapping[str, Variable], given: Mapping[str, str]
) -> Iterator[FilledVariable]:
    """What became of each variable in the text."""
    values, headers = _as_exchange(prompt, given)
    for one in variables_of(prompt):
        value, asked = one.value(values, headers), given.get(one.name)
        default = declared.get(one.name, Variable()).default
        yield FilledVariable(one.name, one.header, asked, value, _outcome(asked, value, default))


def _outcome(given: str | None, value: str, default: str) -> FillOutcome:
    if given is None:
        return "not given"
    if given == value:
        return "as given"
    return "default" if value == default else "cleaned"


def _as_exchange(prompt: CompiledPrompt, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Values of the built-in variables, and headers."""
    values = {name: given[name] for name in BUILT_IN if name in given}
    headers = {one.header: given[one.name] for one in variables_of(prompt) if one.header and one.name in given}
    return values, headers
