"""What is left of a value whose text is cut off: for every kind, at every place, less than counts as its beginning."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.beginnings import ending_like
from extproc.detectors.pii.custom_recognizer import CustomRecognizer
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.text.folding import read
from extproc.filters.spans import SpanStage
from tests.thorough import share_of
from tests.unit.detectors.pii.pii_examples import DISGUISES, OTHERS, SHOWN_MAX, Disguise
from tests.unit.detectors.pii.test_credentials import TOKENS, R
from tests.unit.detectors.pii.test_national_ids import HOLDS
from tests.unit.detectors.pii.test_wallets import ADDRESSES
from tests.unit.filters.cutting import cut

CUSTOM = (
    CustomRecognizer("EMPLOYEE", "EMP-[0-9]{6}"),
    CustomRecognizer("PATIENT", r"\b[A-Z]{3}[0-9]{2}(?:-[0-9]{4}){2}\b", ("patient",)),
)
DETECTOR = PiiDetector(frozenset(ENTITIES) - {"PRIVATE_KEY"}, CUSTOM)

# kind, text before, value
VALUES = [
    ("EMAIL", "Mail ", "jane.doe@example.com"),
    ("EMAIL", "Mail ", "j_d+news@mail.example.co.uk"),
    ("EMAIL", "Mail ", "zhang@163.com"),
    ("CREDIT_CARD", "Card ", "4111 1111 1111 1111"),
    ("CREDIT_CARD", "Card ", "4111111111111111"),
    ("CREDIT_CARD", "Card ", "5555-5555-5555-4444"),
    ("CREDIT_CARD", "Card ", "3782 822463 10005"),
    ("IBAN", "IBAN ", "DE89 3704 0044 0532 0130 00"),
    ("IBAN", "IBAN ", "GB29NWBK60161331926819"),
    ("IBAN", "IBAN ", "NO93 8601 1117 947"),
    ("US_SSN", "It is ", "078-05-1120"),
    ("US_SSN", "SSN ", "078 05 1120"),
    ("US_SSN", "SSN ", "078051120"),
    ("PHONE", "Call ", "+1 202-555-0143"),
    ("PHONE", "at ", "+49 30 901820"),
    ("PHONE", "at ", "(415) 555-2671"),
    ("PHONE", "at ", "202-555-0143"),
    ("PHONE", "at ", "01 23 45 67 89"),
    ("PHONE", "Phone: ", "2025550143"),
    ("PHONE", "at ", "0470 12 34 56"),
    ("PHONE", "at ", "532 123 45 67"),
    ("PHONE", "at ", "(11) 98765-4321"),
    ("IP_ADDRESS", "IP ", "203.0.113.77"),
    ("IP_ADDRESS", "IP ", "2001:db8:85a3:8d3:1319:8a2e:370:7348"),
    ("IP_ADDRESS", "IP ", "2001:db8:85a3::8a2e:370:7334"),
    ("MAC_ADDRESS", "at ", "00:1A:2B:3C:4D:5E"),
    ("MAC_ADDRESS", "at ", "001a.2b3c.4d5e"),
    ("JWT", "token ", f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ{R}.{R}"),
    ("URL_CREDENTIALS", "at postgres://", "admin:s3cr3t-pw@db.example.com/x"),
    ("SECRET", "api_key: ", R),
    ("SECRET", "password: ", "tr0ub4dor&3X"),
    ("DATE_OF_BIRTH", "born ", "12/04/1984"),
    ("DATE_OF_BIRTH", "born on ", "1984-12-04"),
    ("DATE_OF_BIRTH", "born ", "30 June"),
    ("DATE_OF_BIRTH", "born June 30, ", "1923"),
    ("EMPLOYEE", "is ", "EMP-123456"),
    ("PATIENT", "patient ", "ABC12-3456-7890"),
    *[("SECRET", "the value ", token) for token in TOKENS],
    *[("CRYPTO", "to ", address) for address in ADDRESSES],
    *[(kind, before, value) for kind, before, value, behind in OTHERS if kind in ENTITIES and behind[:1] != " "],
    *[("NATIONAL_ID", text.partition(number)[0], number) for _, text, number, _ in HOLDS],
]
WRITTEN_OTHERWISE = [one for one in VALUES[:40] if "&" not in one[2] and "," not in one[1]]  # which end a reading


def shown(pieces: list[str]) -> str:
    """What comes of a text that is cut off behind its pieces."""
    stage = SpanStage(DETECTOR, lambda finding, _: f"<{finding.kind}>", lambda _: None)
    return "".join([stage.feed(piece) for piece in pieces]) + stage.close_cut()


@cache
def seen_of(before: str, value: str, end: int) -> str:
    """What of the value stands in the answer, if it ends behind so many of its characters."""
    text = shown([before + value[:end]])
    return text[len(before) :].partition("<")[0] if text.startswith(before) else ""


@pytest.mark.parametrize(("kind", "before", "value"), VALUES)
def test_of_a_value_that_is_cut_off_hardly_anything_is_seen(kind: str, before: str, value: str) -> None:
    """real-vllm F3: twelve digits of a card, a whole local part and its host, a key but for its last character."""
    for end in range(1, len(value) + 1):
        seen = seen_of(before, value, end)
        if kind == "EMAIL":
            assert "@" not in seen
        elif kind == "IP_ADDRESS":
            assert seen.count(".") <= 2
            assert seen.strip(":").count(":") <= 2 or "::" in seen[-3:]
        else:
            assert sum(map(str.isalnum, seen)) <= SHOWN_MAX[kind], value[:end]


@pytest.mark.parametrize("disguise", DISGUISES, ids=lambda disguise: disguise.name)
def test_another_spelling_of_it_shows_no_more(disguise: Disguise) -> None:
    """Of what is read in it, not of how it is written. Spellings share the ends of a value."""
    for number, (_, before, value) in enumerate(WRITTEN_OTHERWISE, start=DISGUISES.index(disguise)):
        for end in share_of(range(1, len(value) + 1), 3, number):
            if seen_of(before, value, end) != value[:end]:
                text = shown([before + disguise.write(value[:end])])
                seen = read(text[len(before) :].partition("<")[0])
                assert "<" in text, disguise.write(value[:end])
                assert sum(map(str.isalnum, seen)) <= sum(map(str.isalnum, seen_of(before, value, end)))


@pytest.mark.parametrize("token", [token for token in TOKENS if token[0] not in "01M" and "~" not in token[:8]])
def test_of_a_token_that_names_its_vendor_less_is_seen(token: str) -> None:
    """Twelve characters count, its name among them."""
    varied = [end for end in range(12, len(token)) if len(set(token[:end])) >= 8 and any(map(str.isdigit, token[:end]))]
    assert not [end for end in varied if len(seen_of("the value ", token, end)) > 12]


@pytest.mark.parametrize("behind", [" is", " is my numb", " (cel", " ist meine"])
def test_a_number_is_masked_where_the_cue_behind_it_is_cut_off(behind: str) -> None:
    """Of the cue one character is enough, since the number is whole."""
    assert shown([f"So 555-2671234{behind}"]) == f"So <PHONE>{behind}"


@pytest.mark.parametrize("text", ["So 555-2671234", "So 555-2671234 ", "So 555-2671234 it", "So 5 is my numb"])
def test_a_number_without_a_cue_stays_where_the_text_is_cut_off(text: str) -> None:
    """Nothing tells that it is one for a phone."""
    assert shown([text]) == text


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 42 1234",
        "It costs 1,299.99",
        "in the year 2024",
        "on 2024-11-28",
        "at 12:30:45",
        "version 3.12.45",
        "chapter 10.15.",
        "commit 3f6840c2",
        "commit d414d60d414d60d414d60d414d60d414d60dabcd",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "73:79:73:74:65:6d:20",
        "id 123e4567-e89b-12d3-a456-426614174000",
        "see RFC 2822",
        "pi is 3.14159265",
        "from 10 20 30",
        "use @property",
        "git@github",
        "http://localhost:8080",
        "import TransactionManager",
        "the configuration",
        "call me at",
        "room 12-34",
        "an EMP-",
        "ABC12-3456-78",
        "password: letmein",
        "GB29",
        "sk-learn",
        "AKIA",
    ],
)
def test_honest_ends_stay(text: str) -> None:
    """What an answer may end with where its tokens are used up."""
    assert shown([text]) == text


@given(
    pieces=cut(
        st.sampled_from(VALUES).flatmap(
            lambda row: st.builds(
                lambda before, end: f"{before}{row[1]}{row[2][:end]}",
                st.sampled_from(["", "4111 1111 1111 1111 ", "x" * 2_100 + " ", "12 " * 40]),
                st.integers(0, len(row[2])),
            )
        )
    )
)
def test_cuts_of_the_stream_do_not_matter(pieces: list[str]) -> None:
    """The same comes out however the text came."""
    assert shown(pieces) == shown(["".join(pieces)])


def test_a_text_with_too_many_places_to_try_is_masked_from_there_on() -> None:
    """It is made for that: every place is a beginning that does not count, and the last may be one that does."""
    finder = ending_like("X", "(?:a-)+$", lambda _subject, _text, _start: False)
    assert finder(b"a-" * 20, "a-" * 20, 0) is None
    begun = finder(b"a-" * 100, "a-" * 100, 0)
    assert begun is not None
    assert begun[0] == "X"
    assert 0 < begun[1] < 100
