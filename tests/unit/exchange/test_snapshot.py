"""A configuration, compiled: what an exchange needs, and a revision that names its content."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from itertools import product

import pytest

from extproc.config.document import Document
from extproc.config.load import parse_document
from extproc.config.models import find_version
from extproc.exchange.snapshot import compile_snapshot
from tests.playbooks.driver import METER, PII, PII_BLOCK, PROMPT, PROMPTS, REFUSAL, VERSION, snapshot_of

PRICE = {"prompt_micro_usd_per_mtok": 4, "completion_micro_usd_per_mtok": 8}


def document(prompt: str = "p.txt") -> Document:
    """One model with one version and a prompt."""
    version = {"weight": 1, "price": PRICE, "prompt": {"file": prompt}}
    return parse_document(
        json.dumps({"models": {"m": {"versions": {"v": version}}}, "filters": [VERSION, PROMPT]}), "snapshot"
    )


def test_a_revision_names_the_content() -> None:
    """Equal on every replica; another one for another filter, or another text of a prompt file."""
    first = compile_snapshot(document(), {"p.txt": "Be brief."})
    assert first.revision == compile_snapshot(document(), {"p.txt": "Be brief."}).revision
    assert first.revision != compile_snapshot(document(), {"p.txt": "Be long."}).revision
    assert first.revision != snapshot_of(VERSION).revision


def test_a_fingerprint_names_weights_serving_and_prompt() -> None:
    """Another prompt is another unit: `config/version_units.py` has all parts."""
    first = compile_snapshot(document(), {"p.txt": "Be brief."}).models["m"].by_name["v"]
    second = compile_snapshot(document(), {"p.txt": "Be long."}).models["m"].by_name["v"]
    assert first.facts.fingerprint != second.facts.fingerprint
    assert first.prompt is not None
    assert first.prompt.constant_text == "Be brief."


def test_cached_tokens_cost_as_the_prompt_unless_said_otherwise() -> None:
    """A default that never makes money vanish."""
    prices = compile_snapshot(document(), {"p.txt": "x"}).models["m"].by_name["v"].facts.prices
    assert (prices.prompt, prices.cached, prices.completion) == (4, 4, 8)


def test_a_prompt_that_was_not_read_is_a_bug() -> None:
    """It must never be taken for an empty one."""
    with pytest.raises(KeyError):
        compile_snapshot(document(), PROMPTS)


@pytest.mark.parametrize(
    ("section", "drops_copies"),
    [(PII, True), (PII_BLOCK, True), ({**PII, "action": "flag"}, False), ({**PII, "action": "shadow"}, False)],
)
def test_copies_are_dropped_where_answers_may_change(section: dict[str, str], drops_copies: bool) -> None:
    """Log probabilities are kept for those whose answers are only looked at."""
    assert snapshot_of(section, REFUSAL, METER).policies[-1].copies.drops_all is drops_copies


@pytest.mark.parametrize(("mode", "drops"), [("enforce", True), ("shadow", False)])
def test_copies_of_the_prompt_are_dropped_where_we_insert_one_or_fence_a_text(mode: str, drops: bool) -> None:
    """They would show our own words to the client; what repeats the answer only may stay."""
    copies = snapshot_of(VERSION, {"filter": "prompt", "mode": mode}, METER).policies[-1].copies
    for has_prompt, is_fenced in product((True, False), repeat=2):
        rules = copies.where(has_prompt, is_fenced)
        assert (rules.drops_all, rules.drops_prompt) == (False, is_fenced or (drops and has_prompt))


def test_filters_that_look_at_answers() -> None:
    """In the order of the list; those that look at requests only are not among them."""
    snapshot = snapshot_of(VERSION, REFUSAL, {**PII, "on": "request"})
    assert [one.name for one in snapshot.policies[-1].response_filters] == ["refusal"]
    assert [one.name for one in snapshot_of(PII, REFUSAL).policies[-1].response_filters] == ["pii", "refusal"]


@pytest.mark.parametrize(
    ("name", "found"),
    [("a/b/v/1", ("a/b", "v/1")), ("a/b", None), ("a/b/", None), ("/", None), ("", None), ("a/b/v", None)],
)
def test_a_version_is_found_by_model_and_version(name: str, found: tuple[str, str] | None) -> None:
    """As Envoy names it in ``x-llm-served-version``; both names may hold slashes."""
    models = snapshot_of(VERSION, models={"a/b": {"versions": {"v/1": {"weight": 1, "price": PRICE}}}}).models
    pair = find_version(models, name)
    assert (pair and (pair[0].name, pair[1].facts.version)) == found


def test_a_snapshot_never_changes() -> None:
    """Exchanges share it."""
    with pytest.raises(FrozenInstanceError):
        snapshot_of(PII).revision = "other"  # type: ignore[misc]
