"""A version is what it means: any part that changes gives it another fingerprint, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.compiled_routes import compile_routes, implicit_routes, version_places
from extproc.config.document import Document
from extproc.config.models import CompiledModel, CompiledVersion, VersionPlace, compile_models, revised
from extproc.config.version_units import PROMPT_TEXT, changed_parts, fingerprint_of, version_parts

PROMPTS = {"p/system-v1.txt": "Be brief.", "p/system-v2.txt": "Be brief."}
VERSION: dict[str, Any] = {
    "weight": 1,
    "served_model": "org/tiny",
    "endpoints": ["127.0.0.1:8001"],
    "prompt": {"file": "p/system-v1.txt"},
    "serving": {"quantization": "fp8", "gpu": "L4"},
    "price": {"prompt_micro_usd_per_mtok": 10, "completion_micro_usd_per_mtok": 30},
}


def document(**versions: Any) -> Document:
    """A configuration with these versions of a model."""
    return Document.model_validate(
        {"models": {"tiny": {"versions": versions}}, "filters": [{"filter": "version"}]}, strict=False
    )


def parts(prompts: dict[str, str] = PROMPTS, **changes: Any) -> dict[str, str]:
    """The parts of the version with changes."""
    return version_parts(document(v1={**VERSION, **changes}), prompts)["tiny/v1"]


def models(prompts: dict[str, str] = PROMPTS, **versions: Any) -> dict[str, CompiledModel]:
    """A compiled model with these versions."""
    return compile_models(document(**versions), prompts)


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"served_model": "org/tiny-2"}, ["served_model"]),
        ({"serving": {"quantization": "fp16", "gpu": "L4"}}, ["serving.quantization"]),
        ({"serving": {"gpu": "L4", "tp": "2"}}, ["serving.quantization", "serving.tp"]),
        ({"prompt": {"file": "p/system-v2.txt"}}, ["prompt.name"]),
        ({"prompt": {"file": "p/system-v1.txt", "position": "replace"}}, ["prompt.position"]),
        ({"prompt": None}, ["prompt.name", "prompt.position", "prompt.text"]),
        (
            {"price": {"prompt_micro_usd_per_mtok": 11, "completion_micro_usd_per_mtok": 30}},
            ["price.prompt_micro_usd_per_mtok"],
        ),
        (
            {"price": {**VERSION["price"], "cached_micro_usd_per_mtok": 1}},
            ["price.cached_micro_usd_per_mtok"],
        ),
        ({"weight": 7}, []),
        ({"endpoints": ["127.0.0.1:9"]}, []),
        ({"serving": {"gpu": "L4", "quantization": "fp8"}}, []),
    ],
)
def test_a_part_that_changes_is_named_and_changes_the_fingerprint(changes: dict[str, Any], changed: list[str]) -> None:
    """How often and where a version answers are no parts; neither is the order of notes."""
    before, after = parts(), parts(**changes)
    assert changed_parts(before, after) == changed
    assert (fingerprint_of(before) == fingerprint_of(after)) is (not changed)


def test_a_prompt_that_changes_in_its_file_is_another_revision() -> None:
    """Prompts move in seconds, without a change of the configuration; white space around them is nothing."""
    assert changed_parts(parts(), parts({**PROMPTS, "p/system-v1.txt": "Be long."})) == [PROMPT_TEXT]
    assert changed_parts(parts(), parts({**PROMPTS, "p/system-v1.txt": "\nBe brief.\n\n"})) == []


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3), st.data())
def test_no_two_units_share_a_fingerprint(notes: dict[str, str], data: st.DataObject) -> None:
    """Notes with any text cannot look like other parts, or like each other."""
    others = data.draw(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3))
    mine, theirs = parts(serving=notes), parts(serving=others)
    assert (fingerprint_of(mine) == fingerprint_of(theirs)) is (notes == others)


def test_what_was_revised_is_told_of_versions_that_stay() -> None:
    """A new version is no revision, nor is one that has gone or whose weight moves."""
    before = places(v1=VERSION, v2=VERSION, gone=VERSION)
    after = places(v1={**VERSION, "weight": 9}, v2={**VERSION, "served_model": "other"}, new=VERSION)
    (one,) = revised(before, after)
    assert (one.route, one.model, one.version, one.changed) == ("", "tiny", "v2", ["served_model"])
    assert one.before == before["", "tiny/v2"].facts.fingerprint
    assert one.fingerprint == after["", "tiny/v2"].facts.fingerprint
    assert list(revised({}, after)) == []


def places(**versions: Any) -> dict[VersionPlace, CompiledVersion]:
    """The versions of a model without routes."""
    compiled = models(**versions)
    return version_places(compiled, implicit_routes(compiled))


def test_the_prompt_of_a_route_revises_the_versions_that_have_it() -> None:
    """Those of the route alone; what it takes as they are is told of the model."""
    keys = {"prompt": {"file": "r.txt"}, "version": "tiny/v1"}
    route = [{"name": "code", "when": [{"endpoints": ["chat"]}], **keys}, {"name": "default"}]
    made = Document.model_validate({**document(v1=VERSION, v2=VERSION).model_dump(), "routes": route}, strict=False)

    def compiled(text: str) -> dict[VersionPlace, CompiledVersion]:
        prompts = {**PROMPTS, "r.txt": text}
        of_models = compile_models(made, prompts)
        return version_places(of_models, compile_routes(made, of_models, prompts))

    assert list(compiled("a")) == [("", "tiny/v1"), ("", "tiny/v2"), ("code", "tiny/v1")]
    (one,) = revised(compiled("a"), compiled("b"))
    assert (one.route, one.version, one.changed) == ("code", "v1", ["prompt.text"])
