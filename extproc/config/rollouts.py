"""The section `rollouts`: from which version to which, in which steps, and what must hold for each."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from extproc.config.rollout_traffic import RolloutTraffic
from extproc.config.section import FilePath, ModelName, Name, Section
from extproc.domain.rollout_gates import GATE_NAMES, GATES, RolloutGate

GateName = Literal[GATE_NAMES]  # type: ignore[valid-type]
WhenInconclusive = Literal["hold", "roll_back"]
OperatorName = Annotated[str, Field(min_length=1, max_length=200)]
TeamName = Annotated[str, Field(min_length=1, max_length=100)]
GrafanaUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s@?#]+$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "an http:// or https:// URL without a password and `?`, such as "
            "`https://grafana.example.com`",
            "environment": True,
        }
    ),
]
DashboardUid = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,40}$"),
    Field(json_schema_extra={"patternErrorMessage": "a UID of Grafana: 1 to 40 letters, digits, `-` or `_`"}),
]
_PERCENT: Final = 100.0


class RolloutStep(Section):
    """A share of the canary, and what it takes at least to go on from it."""

    percent: int = Field(ge=1, le=100, description="share of the canary; the last step has 100 [percent]")
    minutes_min: int = Field(default=60, ge=0, le=44_640, description="least time at this share [minutes]")
    answers_min: int = Field(default=200, ge=0, le=10_000_000, description="least answers of the canary at this share")


class GateTerms(Section):
    """Changes of one gate."""

    gate: GateName = Field(description="its name")
    compared: bool = Field(default=True, description="false: it is left out")
    promote_percent: float | None = Field(
        default=None,
        ge=0.01,
        le=100,
        description="it goes on only if the canary is shown to be worse by less; of a rate points of percent. "
        "Default: that of the gate",
    )
    roll_back_percent: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="it is rolled back if the canary is shown to be worse by more; likewise",
    )


class HardFailureTerms(Section):
    """Failures that end a rollout at once, whatever the stable version does."""

    error_percent: float = Field(
        default=1.0, ge=0.01, le=49, description="share of exchanges that may fail at the model server [percent]"
    )
    alpha: float = Field(
        default=0.01,
        ge=1e-6,
        le=0.05,
        description="chance, at most, that a canary with fewer failures is rolled back for them",
    )


_DEFAULT_STEPS: Final = (
    RolloutStep(percent=5),
    RolloutStep(percent=25),
    RolloutStep(percent=50),
    RolloutStep(percent=100),
)


class GrafanaTerms(Section):
    """A Grafana on whose graphs decisions are marked."""

    url: GrafanaUrl = Field(description="address of Grafana, as browsers have it, without `/api`")
    token_file: FilePath = Field(
        description="file with the token of a service account that may create annotations (`annotations:create`)"
    )
    dashboard_uid: DashboardUid | None = Field(
        default=None,
        description="the dashboard that has the annotations. Default: none; any shows them that asks for their tags",
    )


class RolloutSection(Section):
    """One rollout. Needs `ledger`, which has the sums; most gates need the filter `signals`."""

    name: Name = Field(description="name in commands, metrics and reports")
    model: ModelName = Field(description="the model")
    stable: Name = Field(description="the version that it goes from")
    canary: Name = Field(description="the version that it goes to")
    steps: tuple[RolloutStep, ...] = Field(
        default=_DEFAULT_STEPS, min_length=2, max_length=20, description="shares of the canary, in turn"
    )
    gates: tuple[GateTerms, ...] = Field(
        default=(), description="changes of gates; the others are compared as they are"
    )
    alpha: float = Field(
        default=0.01,
        ge=1e-6,
        le=0.2,
        description="chance that a canary that is no worse is rolled back, and that one beyond a margin goes on",
    )
    hard_failures: HardFailureTerms = Field(
        default_factory=HardFailureTerms, description="failures that end it at once"
    )
    warm_up_s: int = Field(
        default=120,
        ge=0,
        le=86_400,
        description="exchanges of the first seconds of the first step are not compared: caches are empty, kernels are "
        "compiled. Hard failures count",
    )
    at_most_hours: int = Field(
        default=336, ge=1, le=8_784, description="how long it may take; then it is inconclusive [hours]"
    )
    when_inconclusive: WhenInconclusive = Field(
        default="hold",
        description="what happens then. hold: the share stays. roll_back: all goes to the stable version",
    )
    teams: tuple[TeamName, ...] = Field(default=(), description="whose traffic takes part; empty: that of all")
    operators: tuple[OperatorName, ...] = Field(
        default=(),
        max_length=100,
        description="who may start and change it by `extproc rollout`, by the name in its journal; empty: all who can "
        "write to the store",
    )
    traffic: RolloutTraffic | None = Field(
        default=None,
        description="of a mesh that shares the traffic instead of the filter `version`; only in role guard. "
        "Default: none",
    )
    webhook_file: FilePath | None = Field(
        default=None, description="file with a URL to which decisions are posted; default: none"
    )
    grafana: GrafanaTerms | None = Field(
        default=None, description="a Grafana that gets an annotation at each decision; default: none"
    )

    def compared_gates(self) -> tuple[RolloutGate, ...]:
        """The gates with the margins of this rollout; their weights add up to 1."""
        found, by_name = [], {one.gate: one for one in self.gates}
        for gate in GATES:
            terms = by_name.get(gate.name) or GateTerms(gate=gate.name)
            if terms.compared:
                promote = gate.promote if terms.promote_percent is None else terms.promote_percent / _PERCENT
                roll_back = gate.roll_back if terms.roll_back_percent is None else terms.roll_back_percent / _PERCENT
                found.append(replace(gate, promote=promote, roll_back=roll_back))
        total = sum(gate.weight for gate in found)
        return tuple(replace(gate, weight=gate.weight / total) for gate in found)
