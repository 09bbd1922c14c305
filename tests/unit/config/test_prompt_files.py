"""A prompt file is read with its front matter; each mistake has its line, in the words of the file."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.problems import ConfigInvalid
from extproc.config.prompt_files import compiled_prompt, parse_prompt_file
from extproc.config.prompts import Prompt, prompt_key

FULL = """\
---
owner: support-team
notes: Says where we are.
variables:
  city: { header: x-city, type: text, default: unknown }
---

You help customers in {{ city }}.
Today is {{ date }}.
"""


def test_a_file_with_front_matter() -> None:
    """The text begins after it, without white space around it."""
    text, front = parse_prompt_file(FULL, "p.md")
    assert text == "You help customers in {{ city }}.\nToday is {{ date }}."
    assert (front.owner, front.notes, list(front.variables)) == ("support-team", "Says where we are.", ["city"])


@pytest.mark.parametrize("text", ["Be brief.", "Be brief.\n---\nAlways.", "\n---\nBe brief.", "-- -\nBe brief."])
def test_a_file_without_front_matter(text: str) -> None:
    """A line of dashes is only text, unless it is the first."""
    assert parse_prompt_file(text, "p.txt").text == text.strip()


@pytest.mark.parametrize("head", ["---\n---\n", "---\n# nothing\n\n---\n", "\ufeff---\n---\n"])
def test_front_matter_may_be_empty(head: str) -> None:
    """Or only a comment; editors write a mark of byte order before it."""
    assert parse_prompt_file(f"{head}Be brief.", "p.txt").text == "Be brief."


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("---\nowner: x\n", "p.md:1:1: front matter without an end: no second line `---`. Write `---` below it."),
        ("---\nowner: x\n---\n \n", "p.md:4:1: the prompt is empty. Write its text."),
        ("---\nowners: x\n---\nHi", "p.md:2:1: owners: unknown key. Did you mean `owner`?"),
        (
            "---\nvariables:\n  city: {}\n---\nHi",
            "p.md:3:3: variables.city: the variable `city` has no source. Name it with `header:`. Built-in variables"
            " are `team`, `project`, `date`, `model`, `version`.",
        ),
        (
            "---\nvariables:\n  team: { header: x-squad }\n---\nHi",
            "p.md:3:19: variables.team.header: `team` with a header. It is built in. Remove `header`, or give the"
            " variable another name.",
        ),
        (
            "---\nvariables:\n  key: { header: authorization }\n---\nHi",
            "p.md:3:18: variables.key.header: the header `authorization`. Envoy does not forward it to the processor."
            " Use a header of your own.",
        ),
        (
            "---\nvariables:\n  city: { header: x-city, default: New York }\n---\nHi",
            "p.md:3:36: variables.city.default: `New York` does not fit the type word of up to 64 characters. Change"
            " it, `type` or `chars_max`.",
        ),
        (
            "Hi.\nYou are in {{ city }}.",
            "p.md:2:12: the variable `city` is not declared. Declare it under `variables:` in the front matter.",
        ),
        (
            "---\nowner: x\n---\nFor {{ taem }}.",
            "p.md:4:5: the variable `taem` is not declared. Did you mean `team`?",
        ),
        (
            "Write {{ 1 + 1 }}",
            "p.md:1:7: a `{{` that begins no variable. Write `{{ name }}` for a variable, or `\\{{` for the signs.",
        ),
    ],
)
def test_each_mistake_has_its_line(content: str, told: str) -> None:
    """As in the configuration: what, where, what is expected, how to fix it."""
    with pytest.raises(ConfigInvalid) as refused:
        parse_prompt_file(content, "p.md")
    assert str(refused.value) == told


@given(st.text(st.sampled_from("-: {}[]\n\tab'\"&*!|>%@`{city}")) | st.text())
def test_any_text_is_a_prompt_or_has_problems(content: str) -> None:
    """Nothing else is raised, whatever is in the file."""
    for whole in (content, f"---\n{content}\n---\nHi", f"---\nvariables:\n  x: {content}\n---\n{{{{ x }}}}"):
        with contextlib.suppress(ConfigInvalid):
            text, front = parse_prompt_file(whole, "p.md")
            assert text
            assert len(front.owner) <= 200


def test_the_fingerprint_is_of_what_the_model_may_read() -> None:
    """Owner and notes are for people; what a variable becomes is for the model."""
    prompt = Prompt(name="system", version="v1")

    def fingerprint(content: str) -> str:
        return compiled_prompt(prompt, {prompt_key("system", "v1"): content}).fingerprint

    assert fingerprint(FULL) == fingerprint(FULL.replace("support-team", "other").replace("Says", "Tells"))
    changes = [("{{ date }}", "Friday"), ("unknown", "nowhere"), ("type: text", "type: word"), ("x-city", "x-town")]
    changed = {fingerprint(FULL.replace(*change)) for change in changes}
    assert len(changed | {fingerprint(FULL)}) == len(changes) + 1


def test_a_file_of_a_version_is_verbatim() -> None:
    """As before there were named prompts: dashes and braces are text."""
    content = "---\nowner: x\n---\n{{ team }} {{ 1 }}"
    compiled = compiled_prompt(Prompt(file="folder/p.md"), {"folder/p.md": content})
    assert (compiled.constant_text, compiled.name, compiled.is_constant) == (content, "p.md", True)
