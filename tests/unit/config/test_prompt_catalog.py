"""All prompts of a configuration: who uses which, and what else lies in the folder."""

from __future__ import annotations

import pytest

from extproc.config.load import load
from extproc.config.prompt_catalog import (
    BrokenPrompt,
    KnownPrompt,
    PromptCatalog,
    PromptUse,
    named_prompts,
    unnamed_prompts,
)
from extproc.config.prompts import prompt_key
from tests.unit.config.conftest import MINIMAL

VERSION = MINIMAL.partition("      v1:")[2].partition("filters:")[0]
CONTENTS = {prompt_key("a/system", "v1"): "---\nowner: x\n---\nBe brief.", "texts/v1.txt": "{{ not read }}"}


def named(*prompts: str) -> list[KnownPrompt]:
    """The prompts of a configuration whose versions v1, v2 ... name these."""
    versions = [
        f"      v{number}:{VERSION.replace('        price', f'        prompt: {prompt}' + chr(10) + '        price')}"
        for number, prompt in enumerate(prompts, 1)
    ]
    text = MINIMAL.replace(f"      v1:{VERSION}", "".join(versions)).replace("- filter: meter", "- filter: prompt")
    loaded = load(f"prompts: {{ folder: prompts }}\n{text}", "c.yaml")
    return list(named_prompts(loaded.document, CONTENTS, loaded.places))


def test_a_prompt_is_listed_once_with_all_who_use_it() -> None:
    """Each with its position."""
    first, second = named(
        "{ name: a/system, version: v1 }",
        "{ file: texts/v1.txt }",
        "{ name: a/system, version: v1, position: replace }",
    )
    assert (first.name, first.front.owner, first.compiled.text) == ("a/system-v1", "x", "Be brief.")
    assert [(use.by, use.position) for use in first.uses] == [("tiny-chat/v1", "first"), ("tiny-chat/v3", "replace")]
    assert (second.name, second.compiled.is_constant, second.compiled.text) == ("texts/v1.txt", True, "{{ not read }}")


@pytest.mark.parametrize(
    ("target", "version"),
    [
        ("version: tiny-chat/v1", "tiny-chat/v1"),
        ("split: [{ version: tiny-chat/v1, weight: 1 }]", "tiny-chat/v1"),
        ("model: tiny-chat", "tiny-chat/v1"),
        ("name: support", ""),
    ],
)
def test_a_route_uses_a_prompt_too(target: str, version: str) -> None:
    """For the versions that it leads to."""
    route = target if target.startswith("name") else f"name: support, {target}"
    prompt = "{ name: a/system, version: v1, position: replace }"
    text = f"routes: [{{ {route}, prompt: {prompt} }}]\n{MINIMAL.replace('- filter: meter', '- filter: prompt')}"
    loaded = load(f"prompts: {{ folder: prompts }}\n{text}", "c.yaml")
    (one,) = named_prompts(loaded.document, CONTENTS, loaded.places)
    assert one.uses == (PromptUse("routes[support]", "replace", version),)


def test_what_lies_in_the_folder_unused_is_listed_too() -> None:
    """Usable or not; what is no name of a prompt is another file."""
    files = {
        "a/system-v1.md": b"Be brief.",
        "a/system-v2.md": b"In {{ team }}.",
        "b-1.txt": b"\xff",
        "c-1.md": b"x",
        "c-1.txt": b"x",
        "d-1.txt": b" ",
        "e-1.md": b"In {{ x }}.",
        "README.md": b"Read me.",
        "-v1.md": b"x",
        "f-1.yaml": b"x",
    }
    found = list(unnamed_prompts("prompts", files, named("{ name: a/system, version: v1 }")))
    assert [one.name for one in found] == ["a/system-v2", "b-1", "c-1", "d-1", "e-1"]
    assert isinstance(found[0], KnownPrompt)
    assert found[0].uses == ()
    told = ["\n".join(map(str, one.problems)) for one in found if isinstance(one, BrokenPrompt)]
    assert told == [
        "prompts/b-1.txt:1:1: the prompt is not valid UTF-8 at byte 0. Save it as UTF-8.",
        "prompts/c-1.md:1:1: the prompt is in two files, `prompts/c-1.md`, `prompts/c-1.txt`. Remove one of them.",
        "prompts/d-1.txt:1:1: the prompt is empty. Write it, or remove `prompt` for a version without one.",
        "prompts/e-1.md:1:4: the variable `x` is not declared. Declare it under `variables:` in the front matter.",
    ]


def test_a_prompt_is_found_by_its_name() -> None:
    """One with a file of its own also by the last part of the path, if that names one alone."""
    first, second = named("{ name: a/system, version: v1 }", "{ file: texts/v1.txt }")
    broken = BrokenPrompt("b-1", ())
    catalog = PromptCatalog((first, second), (broken,))
    assert catalog.find("a/system-v1") is first
    assert catalog.find("texts/v1.txt") is catalog.find("v1.txt") is second
    assert catalog.find("b-1") is broken
    assert catalog.find("system-v1") is None
    assert PromptCatalog((second, second)).find("v1.txt") is None
