"""Files of others: read whole, or refused with the place and what was expected."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.reports.claims import BadClaims, UsageClaim, claims_of, undated
from tests.unit.reports.samples import at_us

DAY = (at_us("2026-11-25"), at_us("2026-11-26"))
USAGE = {"object": "organization.usage.completions.result", "input_tokens": 1_000, "output_tokens": 500}


def page(*results: dict[str, Any], more: bool = False) -> dict[str, Any]:
    """A page of OpenAI's API with one bucket."""
    bucket = {"object": "bucket", "start_time": DAY[0] // 10**6, "end_time": DAY[1] // 10**6, "results": list(results)}
    return {"object": "page", "data": [bucket], "has_more": more}


def read(text: str) -> list[UsageClaim]:
    """The claims of a file."""
    return claims_of("usage", text.encode())


def test_openais_usage_and_costs_are_read() -> None:
    """Results of one model are added up; the cost of all is another claim."""
    one = {**USAGE, "input_cached_tokens": 800, "num_model_requests": 5, "model": "gpt", "project_id": None}
    costs = {"object": "organization.costs.result", "amount": {"value": 0.06, "currency": "usd"}, "line_item": None}
    counts = {"requests": 10, "input_tokens": 2_000, "cached_tokens": 1_600, "output_tokens": 1_000}
    assert read(json.dumps([page(one, one), page(costs)])) == [
        UsageClaim(*DAY, "", {"cost_micro_usd": 60_000}),
        UsageClaim(*DAY, "gpt", counts),
    ]


def test_csv_with_days_or_with_seconds_is_read() -> None:
    """With the columns of either, in any order; an empty cell is no figure. A byte order mark is none of a name."""
    text = "\ufeffmodel,day,cost,input_tokens,output_tokens\ngpt,2026-11-25,1.5,1000,\ngpt,2026-11-25,0.25,1,2\n"
    assert read(text) == [
        UsageClaim(*DAY, "gpt", {"input_tokens": 1_001, "output_tokens": 2, "cost_micro_usd": 1_750_000})
    ]
    start, end = (one // 10**6 for one in DAY)
    text = f"start_time,end_time,amount_value,amount_currency\n{start},{end},0.5,usd\n"
    assert read(text) == [UsageClaim(*DAY, "", {"cost_micro_usd": 500_000})]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "",
            "usage:1: expected the columns day (or start_time and end_time), model, input_tokens, output_tokens, cost",
        ),
        ("a,b\n1,2\n", "usage:1: expected the columns day"),
        ("day,model\n2026-11-25,x\n", "usage:1: expected the columns day"),
        ("day,cost\n2026-11-25,1\nyesterday,2\n", "usage:3: expected a day such as 2026-11-25"),
        ("day,input_tokens\n2026-11-25,1.5\n", "usage:2: expected a day"),
        ("day,input_tokens\n2026-11-25,-1\n", "usage:2: expected a day"),
        ("day,cost\n2026-11-25,NaN\n", "usage:2: expected a day"),
        ("day,cost\n2026-11-25,1e400000\n", "usage:2: expected a day"),
        ("start_time,amount_value,amount_currency\n1,1,eur\n", "usage:2: expected a day"),
        ("start_time,cost\n99999999999999999999,1\n", "usage:2: expected a day"),
        ("{", "usage: no JSON: "),
        ("{}", "usage: expected a page of OpenAI's usage or costs API, or a list of pages"),
        ("[1]", "usage: expected a page of OpenAI's usage or costs API, or a list of pages"),
        (json.dumps({"data": [{}]}), "usage: data[0] is no bucket of usage or costs"),
        (json.dumps(page(USAGE, {**USAGE, "input_tokens": "x"})), "usage: data[0] is no bucket"),
        (json.dumps(page({"amount": {"value": 1, "currency": "eur"}})), "usage: data[0] is no bucket"),
        (
            json.dumps(page(USAGE, more=True)),
            "usage: has_more is true: there are further pages. Put all pages into one",
        ),
    ],
)
def test_what_cannot_be_read_is_told(text: str, problem: str) -> None:
    """With the line, or the place in the JSON."""
    with pytest.raises(BadClaims) as bad:
        read(text)
    assert str(bad.value).startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\r\0", "usage:1: expected the columns day"),
        ("day,cost\r2026-11-25,x", "usage:2: expected a day such as 2026-11-25"),
        (f"day,cost\n2026-11-25,{'1' * 200_000}", "usage:2: no CSV: field larger than field limit (131072)"),
        ("[" * 100_000, "usage: JSON that is nested too deeply"),
    ],
    ids=["a lone CR", "lines that end with CR", "a field that is too long", "deep JSON"],
)
def test_what_a_reader_of_python_refuses_is_told_too(text: str, problem: str) -> None:
    """Not raised as it is."""
    with pytest.raises(BadClaims) as bad:
        claims_of("usage", text.encode())
    assert str(bad.value).startswith(problem)


@given(st.binary(max_size=300) | st.text().map(str.encode))
def test_any_bytes_are_claims_or_an_error(content: bytes) -> None:
    """Nothing else is raised."""
    try:
        claims_of("usage", content)
    except BadClaims as bad:
        assert str(bad).startswith("usage:")  # noqa: PT017


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_is_claims_or_an_error(value: Any) -> None:
    """Also within a page."""
    for one in (value, {"data": value}, {"data": [value]}, page(value)):
        try:
            read(json.dumps(one))
        except BadClaims as bad:
            assert str(bad).startswith("usage:")  # noqa: PT017


def test_a_date_behind_a_model_is_the_providers() -> None:
    """Configurations name the model without it."""
    assert undated("gpt-4o-mini-2024-07-18") == "gpt-4o-mini"
    assert undated("llama-3-70b") == "llama-3-70b"
