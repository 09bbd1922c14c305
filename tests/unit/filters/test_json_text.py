"""Texts that are JSON: strings are judged as what they mean, whatever they are cut into, and JSON stays JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.detector import PiiDetector
from extproc.domain.finding import Finding
from extproc.filters.json_text import JsonTextStage, WholeNumbers
from extproc.filters.spans import SpanStage
from tests.unit.filters.cutting import cut, through

PII = PiiDetector(("EMAIL", "CREDIT_CARD", "PHONE", "IBAN"))
TEXTS = st.lists(
    st.sampled_from(
        ["bob@example.org", "4111 1111 1111 1111", "+49 30 901820", '"', "\\", "/", "\n", "é", "\U0001f600", " "]
    )
    | st.text(max_size=3),
    max_size=6,
).map("".join)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(4111111111111111)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXTS, children, max_size=3),
    max_leaves=8,
)
WRITTEN = st.builds(
    lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent),
    VALUES,
    st.booleans(),
    st.none() | st.integers(0, 2),
)
# What a model may write in the place of JSON: escapes that are none, halves of pairs, strings without an end.
BROKEN = st.lists(
    st.sampled_from(
        ['"', "\\", "\\u", "\\u00", "\\u0040", "\\ud83d", "\\ude00", "\\n", "{", "a@b.co", "4111 1111 ", "x", "\n"]
    ),
    max_size=14,
).map("".join)


def stage(found: list[str] | None = None, blocks: bool = False) -> JsonTextStage:
    """A masking or blocking stage."""

    def note(finding: Finding) -> None:
        if found is not None:
            found.append(finding.kind)

    inside = SpanStage(PII, None if blocks else lambda one, _: f"<{one.kind}>", note)
    outside = SpanStage(WholeNumbers(PII), None if blocks else lambda one, _: f'"<{one.kind}>"', note)
    return JsonTextStage(inside, outside)


def run(pieces: list[str], blocks: bool = False) -> tuple[str, list[str], bool]:
    """What comes out, what was found, and whether it was rejected."""
    found: list[str] = []
    judged = stage(found, blocks)
    return through(judged, pieces), found, judged.rejected


def values(tree: Any) -> list[Any]:
    """Every string and number in a JSON value, keys too."""
    if isinstance(tree, dict):
        return [value for key, child in tree.items() for value in (key, *values(child))]
    if isinstance(tree, list):
        return [value for child in tree for value in values(child)]
    return [tree]


@pytest.mark.parametrize("blocks", [False, True])
@given(pieces=cut(WRITTEN | BROKEN | st.text(max_size=20)))
def test_judging_does_not_depend_on_cuts(blocks: bool, pieces: list[str]) -> None:
    """Inside escapes too, valid or not."""
    assert run(pieces, blocks) == run(["".join(pieces)], blocks)


@given(cut(WRITTEN))
def test_json_stays_json(pieces: list[str]) -> None:
    """Whatever is masked, a parser reads the result; where nothing is found, it reads the same value."""
    written = "".join(pieces)
    released, found, _ = run(pieces)
    read = json.loads(released)
    if not found:
        assert read == json.loads(written)


@given(VALUES)
def test_every_string_is_masked_as_the_text_it_means(tree: Any) -> None:
    """However it is escaped, a string is masked as its text is where it stands alone."""
    plain, _, _ = run([json.dumps(tree, ensure_ascii=False)])
    escaped, _, _ = run([json.dumps(tree, ensure_ascii=True)])
    assert json.loads(plain) == json.loads(escaped)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"to":"bob\\u0040example.org"}', '{"to":"<EMAIL>"}'),
        ('{"to":"\\u0062ob@example.org"}', '{"to":"<EMAIL>"}'),
        ('{"card":4111111111111111}', '{"card":"<CREDIT_CARD>"}'),
        ('{"cards":[4111111111111111, 1]}', '{"cards":["<CREDIT_CARD>", 1]}'),
        ('{"card":-4111111111111111}', '{"card":"<CREDIT_CARD>"}'),
        ('{"bob@example.org":1}', '{"<EMAIL>":1}'),
        ('{"a":"4111 1111 ","b":"1111 1111"}', '{"a":"4111 1111 ","b":"1111 1111"}'),
        ('"\\ud83d\\ude00 a@b.co"', '"\U0001f600 <EMAIL>"'),
        ('"\\ud83d"', '"\ufffd"'),
        ('"\\ude00"', '"\ufffd"'),
        ('"a\\/b"', '"a/b"'),
        ('"no end a@b.co', '"no end <EMAIL>'),
        ("not json a@b.co", 'not json "<EMAIL>"'),
        ("", ""),
    ],
)
def test_texts(written: str, expected: str) -> None:
    """Escapes are seen through; a number that is masked becomes a string; two strings are two texts."""
    assert run([written])[0] == expected


@given(cut(WRITTEN))
def test_what_is_given_out_and_what_is_held_can_be_read(pieces: list[str]) -> None:
    """A filter that fails open gives back what its stage holds: the whole is then JSON still."""
    judged = JsonTextStage(*(SpanStage(PiiDetector(("IBAN",)), lambda *_: "", lambda _: None) for _ in range(2)))
    written = "".join(pieces)
    released = fed = ""
    for piece in pieces:
        released += judged.feed(piece)
        fed += piece
        rest = written[len(fed) :]
        assert values(json.loads(released + judged.held() + rest)) == values(json.loads(written))


def test_a_fork_leaves_no_trace() -> None:
    """Inside a string, in the middle of an escape."""
    found: list[str] = []
    judged = stage(found, blocks=True)
    judged.feed('{"to":"bob\\u00')
    fork = judged.fork()
    fork.feed('40example.org"')
    assert fork.rejected
    assert not found
    assert judged.feed('41"}') == 'bobA"}'
