"""A word that is too long to be held, and in which a secret has begun, is masked or blocked to its end."""

from __future__ import annotations

import base64
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.custom_recognizer import CustomRecognizer
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.text.cells import word_chars_max
from extproc.filters.base import report_nothing
from extproc.filters.spans import HoldLimit, SpanStage
from tests.unit.filters.cutting import cut, through

DETECTOR = PiiDetector(frozenset(ENTITIES) - {"PRIVATE_KEY"}, [CustomRecognizer("TICKET", "TCK_[A-Z0-9]{8,}")])
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def random_chars(chars: int, seed: int = 7) -> str:
    """Letters and digits as keys have them."""
    return "".join(Random(seed).choices(ALPHABET, k=chars))


LONG = random_chars(3_000)
SECRETS = [
    ("SECRET", "", f"sk-proj-{LONG}"),
    ("SECRET", "", f"ghp_{LONG}"),
    ("SECRET", "", f"glpat-{LONG[:2_071]}"),
    ("SECRET", "key=", f"xoxb-1{LONG}"),
    ("SECRET", "https://example.org/?token=", f"sk_live_{LONG}"),
    ("SECRET", "Authorization: Bearer ", LONG),
    ("SECRET", "api_key: ", LONG),
    ("SECRET", "password=", LONG),
    ("JWT", "", f"eyJhbGciOiJSUzI1NiJ9.eyJ{LONG}.{LONG}"),
    ("JWT", "", f"eyJ{LONG}"),
    ("JWT", "/?id=", f"eyJhbGciOiJSUzI1NiJ9.eyJ{LONG[:1_500]}.{LONG[:500]}"),
    ("TICKET", "", f"TCK_{LONG.upper()}"),
]
IMAGE = base64.b64encode(Random(3).randbytes(4_000)).decode()


def stage(hold_chars_max: int = 2_048, blocks: bool = False, at_limit: str = "release") -> SpanStage:
    """A stage with the limit of an answer."""
    mask = "<HOLD_LIMIT>" if at_limit == "mask" else None
    limit = HoldLimit(report_nothing, word_chars_max(hold_chars_max), mask)
    return SpanStage(DETECTOR, None if blocks else lambda one, _: f"<{one.kind}>", report_nothing, limit=limit)


@pytest.mark.parametrize(("kind", "before", "secret"), SECRETS, ids=lambda value: str(value)[:24])
@pytest.mark.parametrize("hold_chars_max", [160, 800, 2_048])
def test_a_secret_longer_than_may_be_held_is_masked_to_its_end(
    kind: str, before: str, secret: str, hold_chars_max: int
) -> None:
    """A token of 2,077 characters passed whole, or all of it but what fits into a window."""
    text = f"It is {before}{secret} and more."
    assert through(stage(hold_chars_max), [text]) == f"It is {before}<{kind}> and more."
    assert through(stage(hold_chars_max), list(text)) == f"It is {before}<{kind}> and more."


@pytest.mark.parametrize(("before", "secret"), [row[1:] for row in SECRETS], ids=lambda value: value[:24])
def test_where_findings_reject_it_rejects(before: str, secret: str) -> None:
    """Before its first character."""
    for pieces in ([f"It is {before}{secret} and more."], list(f"It is {before}{secret} and more.")):
        judge = stage(blocks=True)
        assert through(judge, pieces) == f"It is {before}"
        assert judge.rejected


@pytest.mark.parametrize("at_limit", ["release", "mask"])
@pytest.mark.parametrize(
    "word",
    [
        IMAGE,
        IMAGE.replace("+", "-").replace("/", "_"),
        "x" * 5_000,
        "4111" * 900,
        "ab/" * 900,
        f"{'a.b@' * 600}",
        "ab" * 1_100,
    ],
    ids=lambda word: word[:8],
)
def test_other_long_words_are_let_pass_or_masked_as_at_limit_says(word: str, at_limit: str) -> None:
    """The data of an image is no secret."""
    shown = word if at_limit == "release" else "<HOLD_LIMIT>"
    text = f"see data:image/png;base64,{word}, there"
    assert through(stage(at_limit=at_limit), [text]) == f"see data:image/png;base64,{shown}, there"


def test_a_request_is_masked_to_the_end_too() -> None:
    """It comes whole, and is judged in the same windows."""
    judge = SpanStage(DETECTOR, lambda one, _: f"<{one.kind}>", report_nothing)
    assert through(judge, [f"It is sk-proj-{LONG}, ok"]) == "It is <SECRET>, ok"


def test_a_value_at_the_end_of_a_window_takes_the_rest_with_it() -> None:
    """What is found up to where nobody sees further may go on."""
    local = "j" * 41
    word = f"{'x' * 27}:{local}@example.org{'a' * 60}"
    assert through(stage(160), [word]) == f"{'x' * 27}:<EMAIL>"


PIECES = st.sampled_from((
    *[before + secret for _, before, secret in SECRETS], *[secret[:2_100] for _, _, secret in SECRETS], IMAGE,
    "x" * 900, "sk-proj-", "eyJ", LONG[:500], "bob@example.org", " ", ", ", "/", "4111 1111 1111 1111", "TCK_",
))  # fmt: skip


@given(
    pieces=cut(st.lists(PIECES, max_size=4).map("".join)),
    hold_chars_max=st.sampled_from([160, 400, 2_048]),
    blocks=st.booleans(),
    at_limit=st.sampled_from(["release", "mask"]),
)
def test_cuts_do_not_matter(pieces: list[str], hold_chars_max: int, blocks: bool, at_limit: str) -> None:
    """The same comes out however the text came."""
    whole = through(stage(hold_chars_max, blocks, at_limit), ["".join(pieces)])
    assert through(stage(hold_chars_max, blocks, at_limit), pieces) == whole
