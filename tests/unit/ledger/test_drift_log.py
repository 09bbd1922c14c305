"""What is told of an alarm."""

from __future__ import annotations

from dataclasses import asdict

from extproc.ledger.drift_log import drift_message, tell_drift
from extproc.ledger.quality.states import DriftChange, ShownDrift
from tests.unit.ledger.crashes import Told

SHOWN = ShownDrift(
    model="tiny",
    version="v2",
    fingerprint="f2",
    signal="length",
    reference="ready",
    effect=-0.12,
    since=-0.20444,
    low=-0.3,
    high=-0.1,
    evidence=1.2345,
    alarm=True,
    stratum="night search",
    at_us=1_767_600_000_000_000,
)
RAISED = asdict(DriftChange(kind="raised", shown=SHOWN))
CALM = ShownDrift(
    **{**asdict(SHOWN), "since": None, "low": None, "high": None, "alarm": False, "effect": 0.01, "stratum": ""}
)


class Lines(Told):
    """A log, with lines of the level info too."""

    def info(self, event: str, **fields: object) -> None:
        """A line of the log."""
        self.lines.append(("info", event, fields))


def test_the_lines() -> None:
    """One for what is raised, with where it is; one for what is cleared, with the reason if there is one."""
    lines = Lines()
    for change in (
        RAISED,
        asdict(DriftChange(kind="cleared", shown=CALM)),
        asdict(DriftChange(kind="cleared", shown=SHOWN, reason="replaced")),
    ):
        tell_drift(lines, change)
    of = {"model": "tiny", "version": "v2", "signal": "length"}
    raised = {**of, "effect": -0.204, "low": -0.3, "high": -0.1, "evidence": 1.234, "stratum": "night search"}
    assert lines.lines == [
        ("warning", "answers drift", raised),
        (
            "info",
            "answers drift no more",
            {**raised, "effect": 0.01, "low": None, "high": None, "stratum": "all"},
        ),
        ("info", "answers drift no more", {**raised, "reason": "replaced"}),
    ]


def test_the_message() -> None:
    """For a program, and a sentence for a chat."""
    assert drift_message(RAISED) == {
        "text": "tiny/v2: length drifts: -20 %.",
        "kind": "raised",
        "reason": "",
        "model": "tiny",
        "version": "v2",
        "fingerprint": "f2",
        "signal": "length",
        "effect": -0.20444,
        "low": -0.3,
        "high": -0.1,
        "evidence": 1.2345,
        "stratum": "night search",
        "at": "2026-01-05T08:00:00+00:00",
    }
    texts = [
        drift_message(asdict(DriftChange(kind="cleared", shown=shown, reason=reason)))["text"]
        for shown, reason in ((CALM, ""), (SHOWN, "replaced"))
    ]
    assert texts == [
        "tiny/v2: length drifts no more: +1 %.",
        "tiny/v2: length drifts no more: another revision answers.",
    ]
