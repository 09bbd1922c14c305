"""A template is its constant parts and its variables, in order; nothing else of it is ever filled in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.config.prompt_template import UnknownPlace, compile_prompt, unknown_places, verbatim_prompt
from extproc.config.prompt_variables import Variable

CITY = {"city": Variable(header="x-city")}
VALUES = {"team": "search", "project": "p", "date": "2026-11-29", "model": "tiny", "version": "v1"}
PIECES = st.lists(st.sampled_from(["a", "\n", "{", "}", "{{ team }}", "{{city}}", "\\{{", "Ä"]), max_size=12)


def filled(text: str, **headers: str) -> str:
    """The text for one exchange."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return compile_prompt("p", "f", "first", text, CITY).filled(VALUES, named)


def test_variables_are_filled_in() -> None:
    """Built in or of a header, with blanks around their names or without."""
    assert filled("{{ team }}, {{date}}: {{ city }}!", x_city="Oslo") == "search, 2026-11-29: Oslo!"
    assert filled("{{ city }}") == "none"
    assert filled("{{ model }}/{{ version }} of {{ project }}") == "tiny/v1 of p"


def test_a_value_is_never_read_as_a_template() -> None:
    """One that looks like a variable is only text, and an escaped one stays."""
    compiled = compile_prompt(
        "p", "f", "first", "{{ city }} \\{{ team }}", {"city": Variable(header="x-city", type="text")}
    )
    assert compiled.filled(VALUES, {"x-city": "{{ team }}"}) == "team {{ team }}"


@given(PIECES)
def test_the_constant_parts_are_the_text_without_its_variables(pieces: list[str]) -> None:
    """No character is lost, doubled or moved."""
    text = "".join(pieces)
    if list(unknown_places(text, CITY)):
        return
    compiled = compile_prompt("p", "f", "first", text, CITY)
    rest = text.replace("\\{{", "\0").replace("{{ team }}", "").replace("{{city}}", "").replace("\0", "{{")
    assert compiled.constant_text == "".join(compiled.constants) == rest
    assert compiled.is_constant is ("{{ team }}" not in text.replace("\\{{", "") and "{{city}}" not in text)
    assert compiled.text == text


def test_a_place_that_would_not_be_filled_in_is_found() -> None:
    """An undeclared name, or none; an escaped one is meant."""
    assert list(unknown_places("{{ team }} {{ country }} {{ 1 }} \\{{ x }}", CITY)) == [
        UnknownPlace("country", 11),
        UnknownPlace("", 25),
    ]


def test_a_verbatim_prompt_is_filled_with_nothing() -> None:
    """As files without front matter always were."""
    prompt = verbatim_prompt("p", "f", "first", "Write {{ team }}.")
    assert (prompt.filled(VALUES, {}), prompt.constant_text, prompt.is_constant) == (
        "Write {{ team }}.",
        "Write {{ team }}.",
        True,
    )
