"""Detectors that other packages bring, found by entry point.

A package names a class in the group ``llm_extproc.detectors``; a guard ``custom`` in the configuration names the entry
point and gives the class its settings. What such a detector reports is checked here, so that a mistake of its author is
a failure of its guard and never a text that was let pass, or a metric with endless labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol

from extproc.domain.finding import Finding

GROUP = "llm_extproc.detectors"
_KIND = re.compile(r"[A-Z][A-Z0-9_]{0,62}")


class TextDetector(Protocol):
    """What a package brings. Both methods must be linear in the text, and fast: they run in the path.

    An answer is judged while it comes. Text is divided at blanks into cells, and a finding never leaves its cell; so
    what is found may depend on the cell and on what stands before it, never on what comes after.
    """

    def may_hold(self, text: str) -> bool:
        """False only if no part of the text can hold a finding: the cheap test that most texts fail."""
        ...

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """Findings that lie in ``text[start:]``, in order and apart; what stands before is context."""
        ...


class DetectorUnusable(Exception):
    """There is no such detector, or it could not be made; the message says what to do."""


class BadFindings(Exception):
    """A detector reported what is no finding of the text; a bug of its package."""


def installed_names() -> list[str]:
    """The detectors that installed packages offer."""
    return sorted({entry_point.name for entry_point in entry_points(group=GROUP)})


def installed_detector(name: str, settings: Mapping[str, Any]) -> TextDetector:
    """Load a detector and make it with its settings. Raises: DetectorUnusable."""
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        known = ", ".join(f"`{one}`" for one in installed_names()) or "none"
        raise DetectorUnusable(f"no installed package offers the detector `{name}`; there are: {known}")
    try:
        detector: TextDetector = found[0].load()(**settings)
    except Exception as error:
        raise DetectorUnusable(f"the detector `{name}` cannot be made with these settings ({error})") from error
    return CheckedDetector(detector)


class CheckedDetector:
    """A detector whose findings are looked at before they are believed."""

    def __init__(self, detector: TextDetector) -> None:
        self._detector = detector

    def may_hold(self, text: str) -> bool:
        """As the detector says."""
        return bool(self._detector.may_hold(text))

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """The detector's findings. Raises: BadFindings."""
        found = list(self._detector.find(text, start))
        end = start
        for finding in found:
            if not (isinstance(finding, Finding) and _KIND.fullmatch(finding.kind)):
                raise BadFindings("a finding needs a kind in capital letters, digits and `_`")
            if not end <= finding.start < finding.end <= len(text):
                raise BadFindings("findings must lie in the text that was given, in order, and not overlap")
            end = finding.end
        return found
