"""What drift is watched by: the section, and the versions that are configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from extproc.config.drift import DriftSection
from extproc.ledger.quality.sums import SIGNAL_KINDS
from extproc.statistics.drift import ReferenceKind, log_threshold
from extproc.statistics.references import TOLERANCE, SignalKind

_PINNED_TOLERANCE: Final = 1.0


@dataclass(frozen=True, slots=True)
class DriftTerms:
    """Attributes: versions: model and version of each."""

    section: DriftSection
    versions: tuple[tuple[str, str], ...]

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> Self:
        """As ``drift_settings`` gives them."""
        versions = tuple((model, version) for model, version in settings["versions"])
        return cls(DriftSection.model_validate_json(settings["section"]), versions)

    @property
    def signals(self) -> tuple[str, ...]:
        """Those that are compared."""
        return self.section.signals or tuple(SIGNAL_KINDS)

    @property
    def compared_with(self) -> str:
        """The reference in words; with another one, evidence begins again."""
        window = self.section.first_answers or f"{self.section.first_day} {self.section.last_day}"
        return f"pinned {window}" if self.section.reference == "pinned" else self.section.reference

    @property
    def kind(self) -> ReferenceKind:
        """What a step of a detector is."""
        return ReferenceKind.SAME_HOURS if self.section.reference == "last_week" else ReferenceKind.PINNED

    @property
    def tolerance(self) -> float:
        """A ratio that is no drift."""
        percent = self.section.tolerance_percent
        if percent is None:
            return TOLERANCE if self.kind is ReferenceKind.SAME_HOURS else _PINNED_TOLERANCE
        return 1.0 + percent / 100.0

    @property
    def weeks_log_sd(self) -> float:
        """By how much hours of two weeks differ, as a logarithm."""
        return self.section.weeks_differ_percent / 100.0

    @property
    def cleared_share(self) -> float:
        """Of the effect, when an alarm ends."""
        return self.section.cleared_at_percent / 100.0

    def threshold(self, kind: SignalKind) -> float:
        """The log evidence of an alarm."""
        series = len(self.versions) * len(self.signals)
        return log_threshold(self.kind, kind, series, false_alarms_a_month=self.section.false_alarms_a_month)
