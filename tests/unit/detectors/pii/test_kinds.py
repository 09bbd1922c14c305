"""Every kind of personal data that can be requested: what its entry says is true, and it has an example.

National ids are held to the same in ``test_national_ids``.
"""

from __future__ import annotations

import pytest

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.kinds import DEFAULT_ENTITIES, ENTITIES, IMPLIED, KINDS, NATIONAL_ID, PRIVATE_KEY
from tests.unit.detectors.pii.pii_examples import OTHERS, SHOWN_MAX, Example

EXAMPLES = [example for example in OTHERS if example.kind in ENTITIES]
OF_ALL = PiiDetector(ENTITIES)


def found(detector: PiiDetector, example: Example) -> list[tuple[str, str]]:
    """Kind and words of each finding."""
    text = example.before + example.value + example.behind
    return [(finding.kind, text[finding.start : finding.end]) for finding in detector.find(text)]


def test_every_kind_has_an_example() -> None:
    """A kind that is added is tried by the laws of beginnings, disguises and gates, or fails here."""
    assert {example.kind for example in EXAMPLES} == {kind.name for kind in KINDS}
    assert {kind.name for kind in KINDS} - SHOWN_MAX.keys() == {"EMAIL", "IP_ADDRESS"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_found_by_itself_and_among_all(example: Example) -> None:
    """The kinds that shield it keep others from it, and never it from being found."""
    assert found(PiiDetector([example.kind]), example) == [(example.kind, example.value)]
    assert found(OF_ALL, example) == [(example.kind, example.value)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_without_its_kind_an_example_is_nothing_else(example: Example) -> None:
    """What is found of it belongs to no other kind, unless one implies it."""
    others = {name for name in ENTITIES if name != example.kind and example.kind not in IMPLIED.get(name, ())}
    assert example.value not in [words for _, words in found(PiiDetector(others), example)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_entry_speaks_of_one_kind(kind: PiiKind) -> None:
    """Its recognizers have its name, and what it names besides are kinds."""
    assert {one.kind for one in kind.recognizers} == {kind.name}
    assert kind.beginnings
    assert (kind.implies | kind.shields) <= set(ENTITIES) - {kind.name}
    assert set(kind.endless) <= set(kind.beginnings) or kind.name == "SECRET"  # of vendors' keys only some are endless


def test_every_kind_is_requested_by_one_name() -> None:
    """No name stands for two of them."""
    assert len(set(ENTITIES)) == len(ENTITIES)
    assert {NATIONAL_ID, PRIVATE_KEY} < set(DEFAULT_ENTITIES) < set(ENTITIES)


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    """As one who builds a detector would misspell it."""
    with pytest.raises(ValueError, match=r"unknown entities EMIAL; known are .*EMAIL"):
        PiiDetector(["EMIAL"])
