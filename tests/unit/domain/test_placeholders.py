"""Numbers for values: one for each, none that the client has used, and bounded in what they keep."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.placeholders import TAKEN_MAX, Placeholders


def test_numbers_are_given_by_first_appearance_and_kind() -> None:
    """The same value has the same number."""
    known = Placeholders(10)
    assert known.mask("EMAIL", "a") == "<EMAIL_1>"
    assert known.mask("EMAIL", "b") == "<EMAIL_2>"
    assert known.mask("PHONE", "a") == "<PHONE_1>"
    assert known.mask("EMAIL", "a") == "<EMAIL_1>"


def test_a_number_that_the_client_has_used_is_given_to_nobody() -> None:
    """In brackets or not, before or behind other characters."""
    known = Placeholders(10)
    known.take("Is <EMAIL_1> the same as u003cEMAIL_3 or XEMAIL_2?")
    assert [known.mask("EMAIL", value) for value in "abc"] == ["<EMAIL_2>", "<EMAIL_4>", "<EMAIL_5>"]


def test_more_numbers_than_can_be_kept_are_all_avoided() -> None:
    """Ours then come after the highest."""
    known = Placeholders(10)
    known.take(" ".join(f"<EMAIL_{number}>" for number in range(1, TAKEN_MAX + 50)))
    assert known.mask("EMAIL", "a") == f"<EMAIL_{TAKEN_MAX + 50}>"


def test_placeholders_of_earlier_answers_keep_their_meaning() -> None:
    """What came before an earlier answer keeps its number, what comes behind it gets a higher one."""
    known = Placeholders(10)
    assert known.mask("EMAIL", "alice") == "<EMAIL_1>"
    known.echo("I wrote to <EMAIL_1>, and to <EMAIL_2> whom you did not name.")
    assert known.mask("EMAIL", "carol") == "<EMAIL_3>"
    assert known.mask("EMAIL", "alice") == "<EMAIL_1>"


def test_an_answer_goes_on_behind_its_request_and_each_choice_by_itself() -> None:
    """Whichever choice comes first."""
    known = Placeholders(10)
    known.expect_echo("<EMAIL_4>")
    known.mask("EMAIL", "a")
    second, first = known.of_choice(1), known.of_choice(0)
    assert [second.mask("EMAIL", value) for value in "ab"] == ["<EMAIL_1>", "<EMAIL_5>"]
    assert [first.mask("EMAIL", value) for value in "cb"] == ["<EMAIL_5>", "<EMAIL_6>"]
    assert known.of_choice(0) is first


def test_values_past_the_limit_have_no_number() -> None:
    """They are masked all the same, and are not restored."""
    known = Placeholders(2)
    assert [known.mask_reversibly("EMAIL", value) for value in "abca"] == [
        "<EMAIL_1>",
        "<EMAIL_2>",
        "<EMAIL>",
        "<EMAIL_1>",
    ]
    assert known.value("<EMAIL>") is None
    assert known.of_choice(0).mask("EMAIL", "d") == "<EMAIL>"


def test_only_what_was_masked_reversibly_is_restored() -> None:
    """As it was written; nothing after the exchange."""
    known = Placeholders(10)
    assert not known.restorable
    known.mask_reversibly("EMAIL", "Bob@example.org")
    known.of_choice(0).mask("EMAIL", "eve@example.org")
    assert known.value("<EMAIL_1>") == "Bob@example.org"
    assert known.value("<EMAIL_2>") is None
    known.forget()
    assert not known.restorable
    assert known.value("<EMAIL_1>") is None


@given(st.integers(1, 12), st.text("<EMAILPHON_12>", max_size=9))
def test_what_begins_a_placeholder(values: int, text: str) -> None:
    """Exactly the beginnings of placeholders that stand for a value."""
    known = Placeholders(100)
    placeholders = [known.mask_reversibly("EMAIL", str(number)) for number in range(values)]
    assert known.begins_one(text) == any(one.startswith(text) for one in placeholders)
