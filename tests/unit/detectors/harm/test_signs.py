"""Groups of words in a text, and what they add to a score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.harm.abuse import CLEAR_WORDS, MEANT, OTHER_WORDS, TARGETS
from extproc.detectors.harm.aims import AIMS
from extproc.detectors.harm.detector import ABUSE_TABLE, REQUEST_TABLE, gate_of
from extproc.detectors.harm.notation import expanded
from extproc.detectors.harm.signs import GroupReader, SignGroup, SignModel, SignTable
from extproc.detectors.harm.topics import CATEGORIES, TOPICS
from extproc.detectors.text.normalize import plain

GROUPS = (
    SignGroup("insult", "fool(s|ish)?|old fool|poison*", "дурак|傻"),
    SignGroup("you", "you|old"),
    SignGroup("quoted", "said", mark='"'),
)
EVERY_GROUP = (*TOPICS, *AIMS, *CLEAR_WORDS, *OTHER_WORDS, *TARGETS, *MEANT)
READER = GroupReader(GROUPS)
TABLE = SignTable(tuple(group.name for group in GROUPS), words=1, clear=1, pooled=False)


def found(text: str) -> set[str]:
    """Names of the groups in a text."""
    bits = READER.read(plain(text).encode())
    return {group.name for place, group in enumerate(GROUPS) if bits >> place & 1}


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("You fools!", {"insult", "you"}),
        ("An old fool.", {"insult", "you"}),  # a phrase holds its words
        ("poisonous", {"insult"}),
        ("foolproof youth", set()),
        ("ты дурак", {"insult"}),
        ("他很傻。", {"insult"}),
        ('He read "you" aloud', {"you", "quoted"}),
        ('5" of snow', set()),
        ("", set()),
    ],
)
def test_whole_words_stems_phrases_and_literals(text: str, groups: set[str]) -> None:
    """Each is found as it is written."""
    assert found(text) == groups


@given(st.lists(st.sampled_from(["you", "fool", "old", "said", "дурак", "x", '"', "poisoned"])).map(" ".join))
def test_the_short_look_agrees_with_the_long_one(text: str) -> None:
    """Any word is found by both, or by none."""
    words = GroupReader([SignGroup(group.name, group.words, group.elsewhere) for group in GROUPS])
    plain_utf8 = plain(text).encode()
    assert words.any(plain_utf8) == bool(words.read(plain_utf8))


def test_the_words_of_a_group_are_told() -> None:
    """For a person who asks why."""
    assert READER.words_of(b"you old fool, you fool", 1) == ["old fool", "fool"]


def test_a_reader_without_words_finds_nothing() -> None:
    """Such as the gate of a guard whose categories are all off."""
    empty = GroupReader([])
    assert not empty.any(b"you fool")
    assert empty.read(b"you fool") == 0


def test_a_short_word_of_a_script_with_blanks_stands_alone() -> None:
    """Its letters are in many other words."""
    reader = GroupReader([SignGroup("poison", elsewhere="яд")])
    assert reader.any(plain("это яд для крыс").encode())
    assert not reader.any(plain("рядом с домом").encode())


def test_features_are_groups_pairs_and_how_many() -> None:
    """A pair needs a word; a target alone has none."""
    assert TABLE.features(0b011) == ["insult", "you", "insult + you", "of 1 kinds"]
    assert TABLE.features(0b110) == ["you", "quoted"]
    pooled = TABLE._replace(pooled=True)
    assert pooled.features(0b011) == ["insult", "you", "any + you", "of 1 kinds"]


def test_a_model_adds_up_what_it_knows() -> None:
    """Features without a weight count nothing."""
    model = SignModel(TABLE, {"insult": 1.5, "insult + quoted": -1.0, "you": 0.25})
    assert model.log_odds(0b101) == 0.5
    assert next(iter(model.parts(0b101))) == ("insult", 1.5)


@given(st.integers(0, (1 << len(ABUSE_TABLE.names)) - 1))
def test_the_score_is_the_sum_over_the_features(found: int) -> None:
    """However it is added up in the path."""
    for name, table in (("abuse", ABUSE_TABLE), ("harm", REQUEST_TABLE)):
        model, some = SignModel.shipped(name, table), found & ((1 << len(table.names)) - 1)
        assert model.log_odds(some) == pytest.approx(sum(weight for _, weight in model.parts(some)))


@pytest.mark.parametrize("group", EVERY_GROUP, ids=lambda one: one.name)
def test_each_group_finds_each_of_its_words(group: SignGroup) -> None:
    """None is lost by the plain form, by a longer word, or by the notation."""
    reader = GroupReader([group])
    for word in (*expanded(plain(group.words)), *filter(None, group.elsewhere.split("|"))):
        plain_utf8 = plain(f"x {word.replace('*', 'e')} x").encode()
        assert reader.read(plain_utf8) == 1, word


@pytest.mark.parametrize(("name", "table"), [("harm", REQUEST_TABLE), ("abuse", ABUSE_TABLE)])
def test_packaged_weights_are_of_features_that_exist(name: str, table: SignTable) -> None:
    """A group that is renamed asks for a new training."""
    every = set(table.features((1 << len(table.names)) - 1)) | {f"of {count} kinds" for count in (1, 2, 3)}
    assert set(SignModel.shipped(name, table).names()) <= every


def test_names_are_unique_in_a_model() -> None:
    """Weights are found by them."""
    for table in (REQUEST_TABLE, ABUSE_TABLE):
        assert len(set(table.names)) == len(table.names)


def test_the_gate_has_a_topic_for_each_category() -> None:
    """In the order of precedence."""
    assert tuple(group.name for group in TOPICS) == CATEGORIES
    assert gate_of(("weapons",)).any(b"a bomb")
    assert not gate_of(("drugs",)).any(b"a bomb")
