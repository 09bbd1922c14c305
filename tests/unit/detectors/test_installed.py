"""Detectors of other packages: found, made, and believed only as far as what they report is findings of the text."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from extproc.detectors.installed import (
    BadFindings,
    CheckedDetector,
    DetectorUnusable,
    installed_detector,
    installed_names,
)
from extproc.domain.finding import Finding


class Fixed:
    """Reports what it is told to."""

    def __init__(self, findings: Sequence[object]) -> None:
        self.findings = findings

    def might_match(self, text: str) -> bool:
        """As a detector may answer: with something that is true."""
        return text.count("x") > 0

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """Whatever the text is."""
        return list(self.findings)  # type: ignore[arg-type]


def found(start: int, end: int, kind: str = "TICKET") -> Finding:
    """A finding."""
    return Finding(kind, start, end, 1.0, "fixed")


def test_good_findings_pass_as_they_are() -> None:
    """In order, apart, within what was asked for."""
    detector = CheckedDetector(Fixed([found(2, 4), found(4, 6)]))
    assert detector.find("abcdef", 2) == [found(2, 4), found(4, 6)]
    assert detector.might_match("x") is True


@pytest.mark.interpreted
@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ([found(1, 3)], "lie in the text"),  # before `start`
        ([found(4, 7)], "lie in the text"),
        ([found(3, 3)], "lie in the text"),
        ([found(2, 4), found(3, 5)], "not overlap"),
        ([found(4, 5), found(2, 3)], "in order"),
        ([found(2, 3, "ticket 4711")], "capital letters"),
        ([found(2, 3, "A" * 64)], "capital letters"),
        ([(2, 3)], "capital letters"),
    ],
)
def test_what_is_no_finding_is_a_failure(findings: list[object], said: str) -> None:
    """A wrong span would mask the wrong text, a free kind would make endless labels."""
    with pytest.raises(BadFindings, match=said):
        CheckedDetector(Fixed(findings)).find("abcdef", 2)


def test_a_detector_that_is_not_there() -> None:
    """The message names those that are."""
    assert "no_such" not in installed_names()
    with pytest.raises(DetectorUnusable, match="no installed package offers the detector `no_such`; there are: "):
        installed_detector("no_such", {})
