"""The law for guards with plain rules: guarding a stream and guarding the whole answer are the same thing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.record import Outcome
from tests.playbooks.answers import DIALECTS, Call, Choice
from tests.playbooks.driver import METER
from tests.playbooks.test_law import Case, streamed, whole

WORDS = (
    "project", "falcon", "gold", "golden", "https://", "good.example", "bad.example", "www.", "![x](", "/a?b", "casino",
    "stock", "market", "é", "中文", '"', "\\", "<URL>",
)  # fmt: skip
TEXTS = st.lists(
    st.tuples(st.sampled_from(WORDS) | st.text(max_size=3), st.sampled_from(["", " ", " ", "\n", "-", ")"])).map(
        "".join
    ),
    max_size=7,
).map("".join)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A tool call."""
    arguments = draw(st.dictionaries(st.sampled_from(["to", "gold"]), TEXTS | st.integers(0, 9), max_size=2))
    return Call(draw(st.sampled_from(["send", "shell"])), json.dumps(arguments, ensure_ascii=draw(st.booleans())))


def acting(section: dict[str, Any], *actions: str) -> st.SearchStrategy[dict[str, Any]]:
    """A guard with one of its actions."""
    return st.sampled_from(actions).map(lambda action: {**section, "action": action})


ALL = ("block", "mask", "flag", "shadow")
GUARDS = st.tuples(
    st.none() | acting({"guard": "banned", "phrases": ["project falcon", "gold"]}, *ALL),
    st.none() | acting({"guard": "urls", "allow": ["good.example"], "images": "block"}, *ALL),
    st.none() | acting({"guard": "tools", "deny": ["shell"]}, "block", "flag"),
    st.none()
    | acting(
        {"guard": "topics", "on": "both", "deny": [{"name": "money", "words": {"casino": 1, "stock market": 1}}]},
        "block",
        "flag",
    ),
    st.just(METER),
).flatmap(lambda some: st.permutations([one for one in some if one is not None]))
CASES = st.builds(
    Case,
    st.lists(st.builds(Choice, TEXTS, TEXTS, st.lists(calls(), max_size=2).map(tuple)), min_size=1, max_size=2).map(
        tuple
    ),
    GUARDS.map(tuple),
    st.booleans(),
    st.integers(0, 1 << 32),
)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
@given(case=CASES)
def test_a_stream_is_guarded_as_the_whole_answer_is(dialect: Any, case: Case) -> None:
    """Texts, findings, verdicts and outcome are the same streamed and unstreamed."""
    if dialect.path in ("/v1/messages", "/v1/responses"):
        case = Case(case.choices[:1], case.filters, case.full_duplex, case.seed)
    seen_whole, record = whole(dialect, case)
    seen_streamed, record_streamed = streamed(dialect, case)
    if dialect.path == "/v1/messages" and record.outcome is Outcome.CUT:
        # An input that was cut is no JSON any more: unstreamed it is empty, streamed it is cut.
        seen_whole, seen_streamed = (
            {channel: text for channel, text in seen.items() if channel[1] != "input"}
            for seen in (seen_whole, seen_streamed)
        )
    assert seen_streamed == seen_whole
    assert record_streamed.findings == record.findings
    assert record_streamed.verdicts == record.verdicts
    assert record_streamed.outcome == record.outcome
