"""The shapes of what ``--json`` prints: the reference's tables are made from them, and tests hold commands to them.

A key may be added; none is renamed or removed within a major version.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypedDict

from extproc.cli.allocate_shapes import AllocatedJson
from extproc.cli.budget_shapes import ActingBudgetJson, BudgetHistoryJson, BudgetsJson, GrantedJson
from extproc.cli.calibrate_shapes import CalibratedJson
from extproc.cli.doctor_shapes import DoctorJson
from extproc.cli.drift_shapes import DriftJson
from extproc.cli.gpus_shapes import GpusOfBillJson
from extproc.cli.key_shapes import ApiKeysJson, NewApiKeyJson, RevokedApiKeyJson
from extproc.cli.ledger_shapes import LedgerEntriesJson, LedgerEntryJson, ReplayedJson, VerifiedJson
from extproc.cli.prompt_shapes import PromptDiffJson, PromptsJson, PromptTestJson, RenderedPromptJson, ShownPromptJson
from extproc.cli.replay_shapes import ReplayJson
from extproc.cli.report_shapes import ReconciledJson, ReportJson
from extproc.cli.review_shapes import (
    ExportedJson,
    FindingsJson,
    ImportedJson,
    LabeledJson,
    ReviewedJson,
    ShownFindingJson,
    StatsJson,
    WhatIfJson,
)
from extproc.cli.rollout_shapes import (
    RolloutChangedJson,
    RolloutExplainedJson,
    RolloutHistoryJson,
    RolloutSimulatedJson,
    RolloutsJson,
    RolloutWatchJson,
)
from extproc.cli.running_shapes import DemoJson, HealthJson, StatusJson
from extproc.cli.savings_shapes import SavingsJson
from extproc.cli.size_shapes import SizeJson
from extproc.cli.top_shapes import TopJson
from extproc.cli.version_shapes import (
    FallbackJson,
    LockedJson,
    RateLimitJson,
    ShownVersionJson,
    UnlockedJson,
    VersionDiffJson,
    VersionsJson,
    WithheldJson,
)


class ProblemJson(TypedDict):
    """One problem of a configuration."""

    severity: Annotated[Literal["error", "warning"], "warnings leave the file usable"]
    file: Annotated[str, "the file that it is in, which may be one that the configuration names"]
    line: Annotated[int, "from 1"]
    column: Annotated[int, "from 1"]
    path: Annotated[str, "of the key, such as `policies[default].guards[pii].on`; empty: the whole file"]
    found: Annotated[str, "what is wrong"]
    expected: Annotated[str, "what is allowed; may be empty"]
    hint: Annotated[str, "how to fix it; may be empty"]


class CheckJson(TypedDict):
    """``check``."""

    file: Annotated[str, "as given"]
    ok: Annotated[bool, "no errors"]
    revision: Annotated[str | None, "as `/readyz` shows it; null for an invalid file"]
    route_tests: Annotated[int | None, "tests of routes that passed; null for an invalid file"]
    problems: Annotated[list[ProblemJson], "errors, failed route tests among them; or the warnings of a valid file"]
    envoy_stale: Annotated[list[str] | None, "keys that the Envoy of `--against` does not know; null without it"]
    unlocked: Annotated[list[UnlockedJson] | None, "versions that are not as the lock file has them; null without it"]


class ChangeJson(TypedDict):
    """One difference between two configurations."""

    area: Annotated[str, "the section of the file"]
    path: Annotated[str, "of the key, such as `models.llama.versions.v2`; guards by name"]
    kind: Annotated[Literal["added", "removed", "changed"], "what happens to it"]
    words: Annotated[str, "what it means for traffic"]
    before: Annotated[str | None, "the old value as text; null: not about one value"]
    after: Annotated[str | None, "the new value"]


class DiffJson(TypedDict):
    """``check --diff``."""

    old: Annotated[str, "as given"]
    new: Annotated[str, "as given"]
    old_revision: Annotated[str, "as `/readyz` shows it"]
    new_revision: Annotated[str, "likewise"]
    differences: Annotated[list[ChangeJson], "empty: nothing changes"]
    restart: Annotated[list[str], "keys that take effect after a restart of llm-extproc"]
    envoy: Annotated[
        Literal["same", "changes", "restart", "unknown"],
        "Envoy's configuration; `restart`: also where Envoy follows by `envoy.folder`; `unknown`: there is none",
    ]


class VersionJson(TypedDict):
    """A model version."""

    model: Annotated[str, "the name that clients use"]
    version: Annotated[str, "the chosen version"]
    fingerprint: Annotated[str, "a hash of served model, prompt and prices"]


class FoundJson(TypedDict):
    """Findings of one kind."""

    guard: Annotated[str, "its name"]
    direction: Annotated[str, "`request` or `response`"]
    kind: Annotated[str, "such as `EMAIL`"]
    times: Annotated[int, "how many"]


class VerdictJson(TypedDict):
    """What a guard decided."""

    guard: Annotated[str, "its name"]
    direction: Annotated[str, "`request` or `response`"]
    action: Annotated[str, "such as `mask`"]
    times: Annotated[int, "how many"]


class CoverageJson(TypedDict):
    """What became of the texts at a guard."""

    guard: Annotated[str, "its name"]
    direction: Annotated[str, "`request` or `response`"]
    outcome: Annotated[str, "such as `checked`"]
    texts: Annotated[int, "how many"]


class FenceJson(TypedDict):
    """What became of the texts of tools and documents at a guard that fences."""

    guard: Annotated[str, "its name"]
    outcome: Annotated[str, "`fenced`, or `left` as they are"]
    texts: Annotated[int, "how many"]


class HeaderChangesJson(TypedDict):
    """Changes of request headers."""

    set: Annotated[list[list[str]], "pairs of name and value"]
    remove: Annotated[list[str], "names"]


class AnswerJson(TypedDict):
    """A local reply."""

    status: Annotated[int, "of HTTP"]
    body: Annotated[str, "as the client gets it"]


class ThresholdJson(TypedDict):
    """The lowest score with which a guard does something."""

    action: Annotated[str, "such as `flag`"]
    score: Annotated[float, "from 0 to 1"]


class ReasonJson(TypedDict):
    """What led to a finding."""

    cause: Annotated[
        str,
        "`rule`, `pattern`, `phrase`, `words`, `n-gram`, `context` (a word before it without which it is none), "
        "`checksum`, `reading` (a disguise that was undone) or `detector`",
    ]
    said: Annotated[str, "the rule in words, or what matched"]
    weight: Annotated[
        float | None, "of a pattern its probability, of an n-gram its part of the log odds; null: it has none"
    ]


class TextPlaceJson(TypedDict):
    """Where a finding is."""

    text: Annotated[int, "the number of the text among those of its direction, from 0"]
    start: Annotated[int, "in characters"]
    end: Annotated[int, "in characters"]


class ExplainedFindingJson(TypedDict):
    """A finding and why it is one."""

    guard: Annotated[str, "its name"]
    direction: Annotated[str, "`request` or `response`"]
    speaker: Annotated[str, "such as `user`; may be empty"]
    kind: Annotated[str, "such as `EMAIL`"]
    action: Annotated[str, "such as `mask`"]
    score: Annotated[float, "from 0 to 1"]
    detector: Annotated[str, "what found it"]
    detail: Annotated[str, "such as a fact's id; may be empty"]
    thresholds: Annotated[list[ThresholdJson], "empty for guards without scores"]
    words: Annotated[str, "what was found, as the guard saw it; empty where that is not known"]
    place: Annotated[TextPlaceJson | None, "null: in none of the texts as it was found, such as in several parts"]
    reasons: Annotated[list[ReasonJson], "the most important first"]


class UnaskedJson(TypedDict):
    """A classifier that was not asked, because it does not run here."""

    guard: Annotated[str, "whose texts"]
    classifier: Annotated[str, "its name"]
    direction: Annotated[str, "`request` or `response`"]
    texts: Annotated[int, "that it would have got"]
    awaited: Annotated[bool, "the request would have waited for its verdict; here it goes on as if nothing was found"]


class RouteTriedJson(TypedDict):
    """A route that was tried; the last one is taken."""

    route: Annotated[str, "its name"]
    matches: Annotated[bool, "whether it is taken"]
    reason: Annotated[str, "what of the request decided"]


class RolloutPartJson(TypedDict):
    """The part of an exchange in a rollout."""

    rollout: Annotated[str, "its id"]
    step: Annotated[int, "from 1 on"]
    arm: Annotated[str, "`stable` or `canary`"]
    unit: Annotated[int, "the hash of the sticky key, from 0 to 65535"]


class ExplanationJson(TypedDict):
    """``explain``."""

    revision: Annotated[str, "of the configuration"]
    endpoint: Annotated[str | None, "such as `chat`; null: a path that is passed on or refused"]
    route: Annotated[str | None, "that is taken; null: there are no routes"]
    routes_tried: Annotated[list[RouteTriedJson], "in order, up to the one that is taken"]
    denied: Annotated[bool, "by the route that is taken (`deny`)"]
    version: Annotated[VersionJson | None, "null: none was chosen"]
    rollout: Annotated[RolloutPartJson | None, "null: it has no part in one"]
    fallback: Annotated[FallbackJson | None, "of that version; null: it has none, or nothing is forwarded"]
    never_asked: Annotated[list[WithheldJson], "versions at providers that this exchange never goes to"]
    team: Annotated[str, "or `unknown`"]
    tier: Annotated[str, "or `unknown`"]
    tag: Annotated[str, "the use case, or `unknown`"]
    project: Annotated[str, "or `unknown`"]
    budget_code: Annotated[str, "or `unknown`"]
    policy: Annotated[str | None, "null: none was chosen"]
    rate_limits: Annotated[list[RateLimitJson], "that apply, as if nothing else was reserved"]
    budgets: Annotated[list[ActingBudgetJson], "that act, of who asks"]
    findings: Annotated[list[FoundJson], "by guard and kind"]
    verdicts: Annotated[list[VerdictJson], "by guard and action"]
    coverage: Annotated[list[CoverageJson], "by guard and outcome"]
    fences: Annotated[list[FenceJson], "texts of tools and documents, by guard and what became of them"]
    headers: Annotated[HeaderChangesJson, "changes of the request"]
    reroutes: Annotated[bool, "Envoy computes its route again"]
    answer: Annotated[AnswerJson | None, "the processor's own reply; null: the request is forwarded"]
    body: Annotated[str | None, "what the model server would get; null: nothing"]
    body_changed: Annotated[bool, "whether it differs from the request's"]
    outcome: Annotated[str, "how it ended, as in the log; `forwarded`: a request without an answer"]
    refused: Annotated[bool, "the client gets an error, or less than the model said; exit 1"]
    blocked_by: Annotated[list[str], "the guards that refused the request or cut the answer"]
    client: Annotated[AnswerJson | None, "what the client gets of the answer; null: there is none"]
    explained: Annotated[list[ExplainedFindingJson], "each finding, with reasons"]
    unasked: Annotated[list[UnaskedJson], "classifiers, which do not run here"]


class SeenTextJson(TypedDict):
    """A text as guards see it."""

    direction: Annotated[str, "`request` or `response`"]
    speaker: Annotated[str, "such as `user`"]
    kind: Annotated[str, "such as `content`"]
    choice: Annotated[int, "of an answer; else 0"]
    text: Annotated[str, "all of it"]


class StreamPieceJson(TypedDict):
    """One chunk of a stream."""

    arrived: Annotated[str, "the text that the model server sent"]
    released: Annotated[str, "the text that the client got for it"]
    held: Annotated[str, "what is held back since"]


class TryJson(TypedDict):
    """``try``."""

    revision: Annotated[str, "of the configuration"]
    outcome: Annotated[str, "how it ended, as in the log; `forwarded`: a request without an answer"]
    refused: Annotated[bool, "the client gets an error, or less than the model said; exit 1"]
    blocked_by: Annotated[list[str], "the guards that refused the request or cut the answer"]
    policy: Annotated[str | None, "null: none was chosen"]
    route: Annotated[str | None, "that is taken; null: there are no routes"]
    version: Annotated[VersionJson | None, "null: none was chosen"]
    texts: Annotated[list[SeenTextJson], "as they came"]
    model_texts: Annotated[list[SeenTextJson] | None, "what the model gets; null: nothing"]
    client_texts: Annotated[list[SeenTextJson] | None, "what the client gets of the answer; null: there is none"]
    reply: Annotated[AnswerJson | None, "the processor's own reply; null: it did not reply"]
    explained: Annotated[list[ExplainedFindingJson], "each finding, with reasons"]
    pieces: Annotated[list[StreamPieceJson], "of a streamed answer"]
    unasked: Annotated[list[UnaskedJson], "classifiers, which do not run here"]


class DifferenceJson(TypedDict):
    """Where a case is not as expected."""

    key: Annotated[str, "of `expect`"]
    expected: Annotated[str, "as the file has it; a list with commas"]
    got: Annotated[str, "what came of it"]
    cuts: Annotated[str, "how the answer was cut, if that was asked for; else empty"]


class CaseJson(TypedDict):
    """One case."""

    name: Annotated[str, "as the file has it"]
    line: Annotated[int, "from 1"]
    ok: Annotated[bool, "as expected"]
    differences: Annotated[list[DifferenceJson], "empty if it is"]
    unasked: Annotated[list[UnaskedJson], "classifiers for which the case has no verdict"]


class CaseFileJson(TypedDict):
    """One file of cases."""

    file: Annotated[str, "as given"]
    config: Annotated[str, "the configuration"]
    revision: Annotated[str, "of the configuration"]
    cases: Annotated[list[CaseJson], "in order"]


class CasesJson(TypedDict):
    """``test``."""

    ok: Annotated[bool, "every case is as expected"]
    passed: Annotated[int, "cases"]
    failed: Annotated[int, "cases"]
    took_ms: Annotated[float, "for the exchanges, without reading and compiling"]
    files: Annotated[list[CaseFileJson], "as given"]


class LintJson(TypedDict):
    """``envoy-config --lint``."""

    file: Annotated[str, "as given"]
    ok: Annotated[bool, "no problems"]
    problems: Annotated[list[str], "one sentence each"]


SHAPES: Final[dict[str, Any]] = {
    "check": CheckJson,
    "doctor": DoctorJson,
    "size": SizeJson,
    "try": TryJson,
    "check --diff": DiffJson,
    "explain": ExplanationJson,
    "test": CasesJson,
    "versions list": VersionsJson,
    "versions show": ShownVersionJson,
    "versions diff": VersionDiffJson,
    "versions lock": LockedJson,
    "prompts list": PromptsJson,
    "prompts show": ShownPromptJson,
    "prompts render": RenderedPromptJson,
    "prompts diff": PromptDiffJson,
    "prompts test": PromptTestJson,
    "replay": ReplayJson,
    "keys add": NewApiKeyJson,
    "keys list": ApiKeysJson,
    "keys revoke": RevokedApiKeyJson,
    "keys rotate": NewApiKeyJson,
    "envoy-config --lint": LintJson,
    "ledger query": LedgerEntriesJson,
    "ledger tail": LedgerEntriesJson,
    "ledger verify": VerifiedJson,
    "ledger export": LedgerEntryJson,
    "ledger replay": ReplayedJson,
    "review list": FindingsJson,
    "review show": ShownFindingJson,
    "review label": LabeledJson,
    "review next": ReviewedJson,
    "review import": ImportedJson,
    "review export": ExportedJson,
    "review stats": StatsJson,
    "review what-if": WhatIfJson,
    "report": ReportJson,
    "report --reconcile": ReconciledJson,
    "budget status": BudgetsJson,
    "budget grant": GrantedJson,
    "budget history": BudgetHistoryJson,
    "allocate": AllocatedJson,
    "savings": SavingsJson,
    "calibrate": CalibratedJson,
    "gpus": GpusOfBillJson,
    "drift": DriftJson,
    "rollout start": RolloutChangedJson,
    "rollout status": RolloutsJson,
    "rollout watch": RolloutWatchJson,
    "rollout simulate": RolloutSimulatedJson,
    "rollout pause": RolloutChangedJson,
    "rollout resume": RolloutChangedJson,
    "rollout promote": RolloutChangedJson,
    "rollout rollback": RolloutChangedJson,
    "rollout history": RolloutHistoryJson,
    "rollout explain": RolloutExplainedJson,
    "health": HealthJson,
    "status": StatusJson,
    "top": TopJson,
    "tail": LedgerEntriesJson,
    "demo": DemoJson,
}
"""By the call; ``review export`` prints one object a line."""
