"""What a golden case sends is what an exchange sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.config.load import parse_document
from extproc.config.prompt_cases import PromptCase
from extproc.config.prompt_template import Position, compile_prompt
from extproc.config.prompt_variables import Variable
from extproc.config.prompts import prompt_key
from extproc.dryrun.compiled import compile_dry
from extproc.dryrun.driver import dry_run
from extproc.dryrun.message import RequestMessage
from extproc.dryrun.prompt_request import prompted_request
from tests.unit.config.conftest import MINIMAL

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


@pytest.mark.parametrize("position", ["first", "replace", "if_absent"])
@pytest.mark.parametrize(
    "messages", [[USER], [SYSTEM, USER], [USER, {"role": "developer", "content": "Be kind."}, USER]]
)
@pytest.mark.parametrize("city", ["Oslo", "New York", "<b>\n"])
def test_a_model_gets_the_same_messages_in_an_exchange(position: Position, messages: list[Any], city: str) -> None:
    """Through the whole chain of filters, with the values in headers."""
    prompt = f"        prompt: {{ name: system, version: v1, position: {position} }}\n        price"
    chain = MINIMAL.replace("        price", prompt).replace("- filter: meter", "- filter: prompt")
    document = parse_document(f"prompts: {{ folder: prompts }}\n{chain}", "c.yaml")
    head = (
        "---\nvariables: { city: { header: x-city }, floor: { header: x-floor, type: integer, default: '0' } }\n---\n"
    )
    snapshot = compile_dry(document, {prompt_key("system", "v1"): head + TEXT})
    body = json.dumps({"model": "tiny-chat", "messages": messages}).encode()
    headers = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json", "x-city": city}
    ran = dry_run(snapshot, RequestMessage(headers, body))
    assert ran.model is not None
    given = case(input=messages, variables={"city": city})
    assert sent(given, position)["messages"] == json.loads(ran.model)["messages"]
