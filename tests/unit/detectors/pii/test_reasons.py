"""Why a value counts: said of the detector by asking it again, so each statement can be tried."""

from __future__ import annotations

import pytest

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.pii.reasons import reasons_of
from extproc.domain.finding import Finding
from tests.unit.detectors.pii.pii_examples import CUSTOM, OTHERS, Example

DETECTOR = PiiDetector(ENTITIES, [CUSTOM])
PATTERNS = {CUSTOM.kind: CUSTOM.gate}


def reasons(text: str, kind: str) -> dict[str, list[str]]:
    """What is said of the first finding of a kind, by cause."""
    finding = next(one for one in DETECTOR.find(text) if one.kind == kind)
    told: dict[str, list[str]] = {}
    for reason in reasons_of(DETECTOR, PATTERNS, text, finding):
        told.setdefault(reason.cause, []).append(reason.said)
    return told


@pytest.mark.parametrize("example", OTHERS, ids=lambda one: f"{one.kind} {one.value}")
def test_every_kind_has_a_rule_or_a_pattern(example: Example) -> None:
    """And each word that is named as context is needed: without it nothing of the kind is found there."""
    text = example.before + example.value + example.behind
    told = reasons(text, example.kind)
    assert ("pattern" if example.kind == CUSTOM.kind else "rule") in told
    for word in told.get("context", ()):
        without = text.replace(word, "~" * len(word), 1)
        assert [one.start for one in DETECTOR.find(without) if one.kind == example.kind] == []


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("she was born on 12.03.1980", "DATE_OF_BIRTH", ["born"]),
        ("my password: Qr7dke39Xy", "SECRET", ["password"]),
        ("of our staff EMP-123456", "EMPLOYEE", ["staff"]),
        ("write to ann@example.org", "EMAIL", []),
    ],
)
def test_context_words_are_those_without_which_it_is_none(text: str, kind: str, words: list[str]) -> None:
    """No other word before it is named."""
    assert reasons(text, kind).get("context", []) == words


@pytest.mark.parametrize(
    ("text", "kind", "checked"),
    [
        ("card 4111 1111 1111 1111", "CREDIT_CARD", True),
        ("to DE89 3704 0044 0532 0130 00", "IBAN", True),
        ("pay 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "CRYPTO", True),
        ("write to ann@example.org", "EMAIL", False),
        ("host 192.0.2.117", "IP_ADDRESS", False),
    ],
)
def test_check_digits_are_named(text: str, kind: str, checked: bool) -> None:
    """Where a value with another end is none."""
    assert ("checksum" in reasons(text, kind)) is checked


def test_a_disguise_is_shown_as_it_reads() -> None:
    """Full-width letters."""
    assert reasons("ａnn＠example.org", "EMAIL")["reading"] == ["ann@example.org"]


def test_the_beginning_of_a_value_is_called_one() -> None:
    """At the end of a text that was cut off."""
    text = "write to ann@exam"
    begun = DETECTOR.beginning(text)
    assert begun is not None
    assert "cut off" in reasons_of(DETECTOR, {}, text, begun)[-1].said


def test_a_value_of_several_cells_has_its_rule_alone() -> None:
    """A key block, an address: the detector does not find it in a cell."""
    key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"
    for kind, text, said in (
        ("PRIVATE_KEY", key, "private key"),
        ("POSTAL_ADDRESS", "12 Oak Street, Boston", "address"),
    ):
        finding = Finding(kind, 0, len(text), 1.0, f"pii.{kind.lower()}")
        (reason,) = reasons_of(DETECTOR, {}, text, finding)
        assert reason.cause == "rule"
        assert said in reason.said
