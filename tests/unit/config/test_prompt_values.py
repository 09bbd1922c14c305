"""What the variables of a prompt become is what an exchange makes of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.config.prompt_template import compile_prompt
from extproc.config.prompt_values import filled_text, filled_variables, variables_of
from extproc.config.prompt_variables import BUILT_IN, Variable

DECLARED = {
    "city": Variable(header="x-city", type="text", default="unknown", chars_max=8),
    "floor": Variable(header="x-floor", type="integer", default="0"),
}
TEXT = "{{ floor }} {{ city }} {{ team }} {{ city }}"
PROMPT = compile_prompt("p", "f", "first", TEXT, DECLARED)


def test_each_variable_is_listed_once() -> None:
    """In the order of the text."""
    assert [one.name for one in variables_of(PROMPT)] == ["floor", "city", "team"]


def test_what_became_of_each_value_is_told() -> None:
    """Given, cleaned, replaced by the default, or none given."""
    filled = list(filled_variables(PROMPT, DECLARED, {"floor": "2; drop", "city": "New\nYork", "model": "unused"}))
    assert [(one.name, one.header, one.given, one.value, one.outcome) for one in filled] == [
        ("floor", "x-floor", "2; drop", "0", "default"),
        ("city", "x-city", "New\nYork", "New York", "cleaned"),
        ("team", None, None, "none", "not given"),
    ]
    assert filled_text(PROMPT, {"floor": "2", "city": "Oslo", "team": "search"}) == "2 Oslo search Oslo"


@given(st.dictionaries(st.sampled_from([*DECLARED, *BUILT_IN]), st.text()))
def test_the_text_is_that_of_an_exchange(values: dict[str, str]) -> None:
    """Values of headers come from headers, the others from what the exchange knows."""
    headers = {f"x-{name}": value for name, value in values.items() if name in DECLARED}
    assert filled_text(PROMPT, values) == PROMPT.filled(values, headers)
    values_told = {one.name: one.value for one in filled_variables(PROMPT, DECLARED, values)}
    assert filled_text(PROMPT, values) == "{floor} {city} {team} {city}".format(**values_told)
