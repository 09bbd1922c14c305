"""What the registry says of guards is what their sections and classes say."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from extproc.config.guards.base import GuardSection
from extproc.config.policies import AnyGuardSection
from extproc.filters.registry import GUARDS

SECTIONS: dict[str, type[GuardSection]] = {
    get_args(section.model_fields["guard"].annotation)[0]: section for section in get_args(get_args(AnyGuardSection)[0])
}
CODES_OF_THEIR_OWN = {"size", "custom"}  # one for each limit; one for each name


def actions_of(name: str) -> set[str]:
    """What a guard may be told to do."""
    return set(get_args(SECTIONS[name].model_fields["action"].annotation))


def test_every_section_has_a_guard() -> None:
    """And every guard a section."""
    assert GUARDS.keys() == SECTIONS.keys()


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
