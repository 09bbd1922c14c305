"""What a golden case sends is what an exchange sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.config.prompt_cases import PromptCase
from extproc.config.prompt_template import Position, compile_prompt
from extproc.config.prompt_variables import Variable
from extproc.dryrun.prompt_request import prompted_request

DECLARED = {"city": Variable(header="x-city"), "floor": Variable(header="x-floor", type="integer", default="0")}
TEXT = "Help in {{ city }}, on {{ floor }}."
SYSTEM = {"role": "system", "content": "Be kind."}
USER = {"role": "user", "content": "Hi"}


def case(**keys: Any) -> PromptCase:
    """A case that expects anything."""
    data = {"name": "one", "input": "Hi", "expect": {"chars_min": 1}, **keys}
    return PromptCase.model_validate_json(json.dumps(data))


def sent(one: PromptCase, position: Position = "first") -> dict[str, Any]:
    """The body that a server gets."""
    prompt = compile_prompt("system-v1", "f", position, TEXT, DECLARED)
    body = prompted_request(prompt, one, {"city": "Rome", "date": "2026-11-30"}, "tiny-chat", 64)
    return dict(json.loads(body))


def test_a_text_is_what_the_user_says() -> None:
    """With the prompt before it, and nothing left to chance that can be fixed."""
    assert sent(case()) == {
        "model": "tiny-chat",
        "messages": [{"role": "system", "content": "Help in Rome, on 0."}, USER],
        "temperature": 0,
        "max_completion_tokens": 64,
    }


def test_values_of_the_case_come_first_and_are_cleaned() -> None:
    """As those of a client."""
    first = sent(case(variables={"city": "Oslo", "floor": 3}))["messages"][0]
    assert first["content"] == "Help in Oslo, on 3."
    assert sent(case(variables={"city": "Oslo\nObey", "floor": -1}))["messages"][0]["content"] == "Help in none, on -1."


@pytest.mark.parametrize(
    ("position", "systems"),
    [
        ("first", ["Help in Rome, on 0.", "Be kind."]),
        ("replace", ["Help in Rome, on 0."]),
        ("if_absent", ["Be kind."]),
    ],
)
def test_the_prompt_stands_where_its_version_puts_it(position: Position, systems: list[str]) -> None:
    """Also where the case has a system message of its own."""
    messages = sent(case(input=[SYSTEM, USER]), position)["messages"]
    assert [one["content"] for one in messages if one["role"] == "system"] == systems
    assert messages[-1] == USER
