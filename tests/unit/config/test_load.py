"""YAML text to document: what is read, what is refused, and that nothing else ever happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import extproc.demo
from extproc.config.load import PROBLEMS_MAX, load, parse_document, revision_of
from extproc.config.problems import ConfigInvalid
from extproc.config.yaml_nodes import CONFIG_BYTES_MAX, decode

Changed = Callable[[str, str], str]

DEMO = (Path(extproc.demo.__file__).parent / "config.yaml").read_text(encoding="utf-8")
# What YAML itself counts as the end of a line.
LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


def problems_of(text: str) -> list[str]:
    """The messages without the name of the file."""
    with pytest.raises(ConfigInvalid) as refused:
        parse_document(text, "c.yaml")
    return [str(problem).removeprefix("c.yaml:") for problem in refused.value.problems]


# --- what is read --------------------------------------------------------------------------------------------------


def test_the_demo_configuration_is_valid_and_without_warnings() -> None:
    """What the project ships is an example to follow."""
    loaded = load(DEMO, "config.yaml")
    assert loaded.warnings == ()
    assert " ".join(one.filter for one in loaded.document.filters) == "version guards prompt meter"


@pytest.mark.parametrize(
    "written",
    ["on", "off", "yes", "no", "n", "y", "010", "0o", "12:30:45", "2026-01-31", "1_000", "0b1", ".inf", ".nan", "="],
)
def test_only_yaml_1_2_scalars_have_a_type(written: str, changed: Changed) -> None:
    """What YAML 1.1 turns into booleans, octal numbers, minutes or dates is the text that was written."""
    document = parse_document(changed("weight: 1", f"weight: 1\n        serving: {{ note: {written} }}"), "c.yaml")
    assert document.models["tiny-chat"].versions["v1"].serving == {"note": written}


PRICED_V2 = """\
      v2:
        weight: 1
        price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }
"""


@pytest.mark.parametrize(("written", "weight"), [("12", 12), ("+12", 12), ("0x1F", 31), ("0o17", 15), ("0", 0)])
def test_whole_numbers(written: str, weight: int, minimal: str) -> None:
    """Decimal, hexadecimal and octal numbers of YAML 1.2."""
    text = minimal.replace("weight: 1", f"weight: {written}").replace("filters:", PRICED_V2 + "filters:")
    assert parse_document(text, "c.yaml").models["tiny-chat"].versions["v1"].weight == weight


@pytest.mark.parametrize(("written", "value"), [("true", True), ("True", True), ("FALSE", False), ("false", False)])
def test_booleans(written: str, value: bool, minimal: str) -> None:
    """Only the words true and false are booleans."""
    assert parse_document(f"log: {{ text: {written} }}\n{minimal}", "c.yaml").log.text is value


def test_an_alias_repeats_a_block(changed: Changed) -> None:
    """Anchors and aliases save writing the same price twice."""
    text = changed("price: {", "price: &price {").replace(
        "filters:", "      v2: { weight: 1, price: *price }\nfilters:"
    )
    versions = parse_document(text, "c.yaml").models["tiny-chat"].versions
    assert versions["v1"].price == versions["v2"].price


def test_text_may_be_tagged_as_text(changed: Changed) -> None:
    """`!!str` is the one scalar tag with a use, and is read."""
    document = parse_document(
        changed("weight: 1", "weight: 1\n        serving: { tensor_parallel: !!str 2 }"), "c.yaml"
    )
    assert document.models["tiny-chat"].versions["v1"].serving == {"tensor_parallel": "2"}


def test_json_is_a_configuration_too(minimal: str) -> None:
    """A program may write the configuration as JSON."""
    document = parse_document(minimal, "c.yaml")
    assert parse_document(document.model_dump_json(exclude_unset=True, indent=2), "c.json") == document


# --- what is refused -----------------------------------------------------------------------------------------------


def test_a_file_over_the_limit_is_refused(minimal: str) -> None:
    """The limit is in bytes, and is kept before anything is read."""
    padding = "#" + "é" * (CONFIG_BYTES_MAX // 2)
    assert len(minimal + padding) < CONFIG_BYTES_MAX
    assert problems_of(minimal + padding) == [
        "1:1: more than 1000000 bytes. Long prompts belong in files of their own (`prompt: { file: … }`)."
    ]


def test_a_long_list_of_problems_is_cut_and_says_so(minimal: str) -> None:
    """Thousands of mistakes are one mistake: so many are told as a person can read."""
    unknown = "".join(f"unknown{number}: 1\n" for number in range(PROBLEMS_MAX + 7))
    told = problems_of(minimal + unknown)
    assert len(told) == PROBLEMS_MAX + 1
    assert told[0] == "1:1: more than 100 problems. Fix these first."


def test_bytes_that_are_not_utf_8_are_refused_at_their_place() -> None:
    """A file in another encoding is named as that, at its first wrong byte."""
    with pytest.raises(ConfigInvalid) as refused:
        decode("role: route\n# café".encode("latin-1"), "c.yaml")
    assert str(refused.value).startswith("c.yaml:2:6: bytes that are not UTF-8.")


def test_problems_come_in_the_order_of_the_file(minimal: str) -> None:
    """A person mends a file from its top to its end, whichever check found what."""
    text = "zzz: 1\n" + minimal.replace("weight: 1", "weight: -1").replace("on: both", "on: 1\n    on: 2")
    lines = [int(told.split(":")[0]) for told in problems_of(text)]
    assert lines == sorted(lines)
    assert len(lines) == 4


@pytest.mark.parametrize("key", ["api_key", "HF_TOKEN", "db-password", "client_secret", "aws_credentials"])
def test_a_value_under_a_secret_key_is_never_shown(key: str, changed: Changed) -> None:
    """Messages go to logs and terminals: of a secret they tell the type only."""
    (told,) = problems_of(changed("weight: 1", f"weight: 1\n        serving: {{ {key}: 4815162342 }}"))
    assert "a number (not shown)" in told
    assert "4815" not in told


@pytest.mark.parametrize("address", ['["https://me:hunter2@model:8001"]', "https://me:hunter2@model:8001"])
def test_credentials_within_an_address_are_not_shown(address: str, changed: Changed) -> None:
    """A URL with a password in it is not repeated, neither as what was found nor as what to write."""
    (told,) = problems_of(changed('["127.0.0.1:8001"]', address))
    assert "found text (not shown)" in told
    assert "hunter2" not in told


def test_control_characters_do_not_reach_the_terminal(changed: Changed) -> None:
    """A value that is shown cannot move the cursor or end the line."""
    (told,) = problems_of(changed("on: both", 'on: "\\e[2J\\n"'))
    assert told.startswith("16:13: policies[default].guards[pii].on: found the text `\\u001b[2J\\u000a`")
    (told,) = problems_of(changed('["127.0.0.1:8001"]', '"\\e[2J"'))
    assert told.endswith("Write it as a list: `[\\u001b[2J]`.")


# --- nothing else happens ------------------------------------------------------------------------------------------


def assert_document_or_exact_problems(text: str) -> None:
    """The one promise for any text: a document, or problems that point into the file."""
    try:
        parse_document(text, "c.yaml")
    except ConfigInvalid as refused:
        problems = refused.problems
    else:
        return
    assert problems
    lines = LINE_END.split(text)
    for problem in problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 2
        assert "Input should" not in str(problem)
        assert "\x1b" not in str(problem)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Random text is refused, never a crash."""
    assert_document_or_exact_problems(text)


WORDS = "a models filters filter pii : [ ] { } , # | > \\ ' @ ` - ? &x *x ! !t !!str !!int << 1 1.5 0x1 ~ true é"
TOKENS = [*WORDS.split(), " ", "  ", "\n", "\r\n", "\t", "\u2028", "\ufeff", "- ", "? ", ": ", '"', '"\\ud800"']
TOKENS += ['"\\UFFFFFFFF"', "%YAML 1.1\n", "---\n", "...\n"]


@given(st.lists(st.sampled_from(TOKENS), max_size=40).map("".join))
def test_any_yaml_tokens(text: str) -> None:
    """Text made of the pieces of YAML, in any order, is refused or read, never a crash."""
    assert_document_or_exact_problems(text)


@given(text=st.just(DEMO), start=st.integers(0, len(DEMO)), length=st.integers(0, 40), put=st.sampled_from(TOKENS))
def test_any_damage_to_a_good_file(text: str, start: int, length: int, put: str) -> None:
    """A slip in a good file, wherever it is, is told at a line of the file."""
    assert_document_or_exact_problems(text[:start] + put + text[start + length :])


KEYS = st.sampled_from(
    ["models", "filters", "versions", "weight", "price", "v1", "filter", "server", "listen", "x", ""]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["version", "pii", "127.0.0.1:1", "guard"]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS | st.integers(), inner, max_size=4)),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_any_tree(tree: dict[Any, Any]) -> None:
    """Well-formed YAML of any shape is refused or read, never a crash."""
    assert_document_or_exact_problems(yaml.safe_dump(tree, allow_unicode=True))


# --- revisions -----------------------------------------------------------------------------------------------------


def test_a_revision_names_the_meaning(minimal: str) -> None:
    """Comments and layout do not change a revision; a key or a prompt does."""
    document = parse_document(minimal, "c.yaml")
    assert revision_of(document, {}) == revision_of(parse_document(f"# A comment\n{minimal}", "d.yaml"), {})
    other = parse_document(minimal.replace("weight: 1", "weight: 2"), "c.yaml")
    revisions = {revision_of(document, {}), revision_of(other, {}), revision_of(document, {"p.txt": "Be brief."})}
    assert len(revisions) == 3
    assert all(re.fullmatch("[0-9a-f]{12}", revision) for revision in revisions)
