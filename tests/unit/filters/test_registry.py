"""What the registry says of guards is what their sections and classes say."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from extproc.config.guards import SECTIONS_BY_GUARD
from extproc.filters.base import Guard
from extproc.filters.registry import GUARDS

CODES_OF_THEIR_OWN = {"size", "custom"}  # one for each limit; one for each name


def actions_of(name: str) -> set[str]:
    """What a guard may be told to do."""
    return set(get_args(SECTIONS_BY_GUARD[name].model_fields["action"].annotation))


@pytest.mark.parametrize("name", SECTIONS_BY_GUARD)
def test_every_section_has_a_guard(name: str) -> None:
    """In a file of its name."""
    assert issubclass(GUARDS[name], Guard)
    assert GUARDS[name].__module__ == f"extproc.filters.{name}"


def test_a_name_without_a_section_has_none() -> None:
    """Whatever modules there are."""
    with pytest.raises(KeyError):
        GUARDS["base"]


@pytest.mark.interpreted
@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_that_rejects_says_why(name: str) -> None:
    """By a code of its own, which clients may rely on."""
    codes = [code_of(other) for other in GUARDS]
    rejects = bool(actions_of(name) & {"block", "mask"}) and name not in CODES_OF_THEIR_OWN
    assert bool(code_of(name)) == rejects
    assert not rejects or codes.count(code_of(name)) == 1


def code_of(name: str) -> str:
    """The class's; what an instance makes is left out."""
    guard: Any = GUARDS[name]
    return str(guard.code)
