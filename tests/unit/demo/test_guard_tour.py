"""The tour's words are true: what it colors as found is what the guards of the demo's configuration find."""

from __future__ import annotations

import json

import pytest

from extproc.demo.guard_tour import SHOWCASES, TEAM, Showcase
from extproc.demo.installation import DEMO_CONFIG
from extproc.demo.lines import STYLES
from extproc.demo.stop import Found, Stop
from extproc.demo.tour import MODEL, planned
from extproc.dryrun.compiled import compile_dry
from extproc.dryrun.driver import dry_run
from extproc.dryrun.message import read_request
from extproc.server.operations.config_files import read_config

WITH_WORDS = [one for one in SHOWCASES if one.found_texts and one.effect != "flag" and one.guard != "prompt_leak"]
"""Guards that find words in what is sent."""


def found_in(body: dict[str, object], team: str) -> list[tuple[str, str]]:
    """Guard and found text of each finding in a request, as the demo's configuration finds it."""
    files = read_config(DEMO_CONFIG)
    request = read_request(json.dumps(body).encode(), "/v1/chat/completions", [f"x-team: {team}"])
    run = dry_run(compile_dry(files.loaded.document, files.prompts), request)
    return [(found.guard, found.words) for found in run.found]


@pytest.mark.parametrize("one", WITH_WORDS, ids=lambda one: one.guard)
def test_a_guard_finds_the_words_that_are_colored(one: Showcase) -> None:
    """No others; a topic is a sum of words, and its finding points to one of them."""
    found = [text for guard, text in found_in({"model": MODEL, **one.request()}, TEAM) if guard == one.guard]
    told = [text for text in one.found_texts if text in one.stop().sent]
    assert found
    assert one.guard == "topics" or all(any(text in words or words in text for text in found) for words in told)
    assert all(any(text in words or words in text for words in told) for text in found)


@pytest.mark.parametrize(
    "stop", [stop for stop, _ in planned() if stop.guard in ("injection", "pii")], ids=lambda stop: stop.title
)
def test_the_default_policy_finds_the_words_that_are_colored(stop: Stop) -> None:
    """Of the stops whose request has them."""
    told = [text for text in stop.found_texts if text in stop.sent]
    found = found_in({"model": MODEL, "messages": [{"role": "user", "content": stop.sent}]}, "search")
    assert bool(found) is bool(told)
    assert all(guard == stop.guard for guard, _ in found)
    assert all(any(text in words or words in text for words in told) for _, text in found)


def test_every_effect_has_a_color() -> None:
    """And is shown by some guard."""
    assert {one.effect for one in SHOWCASES} == set(STYLES)


def test_findings_are_told_by_kind_and_place() -> None:
    """Both directions, each kind once."""
    stop = Stop("A stop", "sent", "why", found=(Found("g", "response", "B", 1), Found("g", "request", "A", 2)))
    assert stop.found_where == "A in the request; B in the answer"
    assert Stop("A stop", "sent", "why").found_where == ""
