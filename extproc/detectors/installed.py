"""Detectors of other packages, found by entry point.

A package registers a class in the group ``llm_extproc.detectors``; a guard ``custom`` in the configuration names the
entry point and its settings. The findings of such a detector are validated here, so that an author's bug is a failure
of its guard, not an unchecked text or a metric with unbounded labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from extproc.domain.finding import Finding

GROUP: Final = "llm_extproc.detectors"
_KIND: Final = re.compile(r"[A-Z][A-Z0-9_]{0,62}")


class TextDetector(Protocol):
    """The interface of such a class. Both methods must be linear in the text, and fast: they run in the path.

    Responses are checked while they stream. Text is split at blanks into cells, and a finding never crosses its
    cell; so a finding may depend on the cell and on the text before it, never on the text after it.

    It may have a third method, ``explain(text, finding) -> list[str]``: why it found something, for ``extproc try``.
    """

    def might_match(self, text: str) -> bool:
        """Prefilter that most texts fail. False only if no part of the text can contain a finding."""
        ...

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """Findings within ``text[start:]``, in order and disjoint; the text before is context."""
        ...


class DetectorUnusable(Exception):
    """There is no such detector, or its construction failed; the message says what to do."""


class BadFindings(Exception):
    """A detector reported an invalid finding: a bug in its package."""


def installed_names() -> list[str]:
    """The detectors of installed packages."""
    return sorted({entry_point.name for entry_point in entry_points(group=GROUP)})


def installed_detector(name: str, settings: Mapping[str, Any]) -> TextDetector:
    """Load and construct a detector. Raises: DetectorUnusable."""
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
    """A detector whose findings are validated."""

    def __init__(self, detector: TextDetector) -> None:
        self._detector = detector

    def might_match(self, text: str) -> bool:
        """Like the detector."""
        return bool(self._detector.might_match(text))

    def explain(self, text: str, finding: Finding) -> list[str]:
        """What the detector says about a finding; nothing if it cannot explain itself."""
        explain = getattr(self._detector, "explain", None)
        return [str(said) for said in explain(text, finding)] if explain is not None else []

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
