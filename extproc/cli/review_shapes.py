"""The shapes of what the commands of ``extproc review`` print with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict


class EntryJson(TypedDict):
    """What is known of a finding, without its text."""

    id: Annotated[int, "the number of the finding"]
    seen_at_ms: Annotated[int, "end of its exchange, in ms since 1970 (UTC)"]
    exchange: Annotated[str, "as in the log"]
    revision: Annotated[str, "of the configuration"]
    endpoint: Annotated[str, "such as `chat`"]
    team: Annotated[str, "who asked"]
    project: Annotated[str, "who asked"]
    model: Annotated[str, "empty: none was chosen"]
    version: Annotated[str, "empty: none was chosen"]
    fingerprint: Annotated[str, "of the version"]
    prompt_version: Annotated[str, "of the version's prompt"]
    route: Annotated[str, "that chose where the exchange goes; empty: there are no routes, or none was taken"]
    policy: Annotated[str, "whose guard it was"]
    guard: Annotated[str, "its name"]
    detector: Annotated[str, "what found it"]
    kind: Annotated[str, "such as `EMAIL`"]
    action: Annotated[str, "such as `block`"]
    direction: Annotated[str, "`request` or `response`"]
    speaker: Annotated[str, "such as `user`"]
    score: Annotated[float, "from 0 to 1"]


class FindingJson(EntryJson):
    """A finding of the review queue."""

    excerpt: Annotated[str, "the text around it; may be empty"]
    found_start: Annotated[int, "where the finding begins in the excerpt, in characters"]
    found_end: Annotated[int, "where it ends"]
    verdict: Annotated[Literal["confirm", "reject"] | None, "its last label; null: not labeled"]


class FindingsJson(TypedDict):
    """``review list``."""

    findings: Annotated[list[FindingJson], "the newest first"]


class LabelJson(TypedDict):
    """One label."""

    verdict: Annotated[Literal["confirm", "reject"], "was the guard right"]
    by: Annotated[str, "the reviewer"]
    at_ms: Annotated[int, "in ms since 1970 (UTC)"]
    note: Annotated[str, "may be empty"]


class ShownFindingJson(TypedDict):
    """``review show``."""

    finding: Annotated[FindingJson, "as in `review list`"]
    labels: Annotated[list[LabelJson], "the oldest first"]


class LabeledJson(TypedDict):
    """``review label``."""

    id: Annotated[int, "the number of the finding; the first of several"]
    ids: Annotated[list[int], "the numbers of all findings"]
    label: Annotated[LabelJson, "as it was stored"]


class LabeledFindingJson(TypedDict):
    """A finding, and the label that it was given."""

    id: Annotated[int, "the number of the finding"]
    label: Annotated[LabelJson, "as it was stored"]


class ReviewedJson(TypedDict):
    """``review next``."""

    labeled: Annotated[list[LabeledFindingJson], "in the order of the labels"]
    skipped: Annotated[list[int], "the numbers of findings"]
    waiting: Annotated[int, "findings without a label that are left"]


class ImportedJson(TypedDict):
    """``review import``."""

    added: Annotated[int, "labels that are new"]
    known: Annotated[int, "labels that their findings had already"]
    older: Annotated[int, "labels that are older than their finding's last one, which stays"]
    missing: Annotated[int, "findings that are not in the store, with `--skip-missing`"]
    unlabeled: Annotated[int, "lines without a label"]


class SpanJson(TypedDict):
    """A place in a text."""

    start: Annotated[int, "in characters"]
    end: Annotated[int, "in characters"]
    type: Annotated[str, "the kind of the finding"]


class ExportedJson(EntryJson):
    """``review export``."""

    text: Annotated[str, "the excerpt; may be empty"]
    label: Annotated[int | None, "1: right, 0: a false alarm, null: not labeled"]
    spans: Annotated[list[SpanJson], "where the finding is in the text; empty without a text"]
    labelled_by: Annotated[str | None, "the reviewer; null: not labeled"]
    labelled_at_ms: Annotated[int | None, "in ms since 1970 (UTC)"]
    note: Annotated[str | None, "of the label"]


class PrecisionJson(TypedDict):
    """Precision and its 95 % interval."""

    share: Annotated[float, "from 0 to 1"]
    low: Annotated[float, "lower bound"]
    high: Annotated[float, "upper bound"]


class GuardStatsJson(TypedDict):
    """The labels of a guard's findings."""

    guard: Annotated[str, "its name"]
    labelled: Annotated[int, "findings with a label"]
    right: Annotated[int, "of these"]
    waiting: Annotated[int, "findings without a label"]
    precision: Annotated[PrecisionJson | None, "with its 95 % interval; null without labels"]


class StatsJson(TypedDict):
    """``review stats``."""

    guards: Annotated[list[GuardStatsJson], "by name"]


class TriedThresholdJson(TypedDict):
    """A threshold of a guard, and what it would have done to the findings that were made."""

    guard: Annotated[str, "its name"]
    threshold: Annotated[float, "as given"]
    lowest_score: Annotated[float | None, "of the guard's findings; null without findings"]
    can_be_judged: Annotated[bool, "false: the threshold would add findings that nobody has seen"]
    right_kept: Annotated[int, "findings labeled as right, with that score or more"]
    right_lost: Annotated[int, "with less"]
    wrong_kept: Annotated[int, "findings labeled as wrong, with that score or more"]
    wrong_lost: Annotated[int, "with less"]
    waiting_kept: Annotated[int, "findings without a label, with that score or more"]
    waiting_lost: Annotated[int, "with less"]
    precision: Annotated[PrecisionJson | None, "of all labeled findings; null without labels"]
    precision_at_threshold: Annotated[PrecisionJson | None, "of those that are kept; null if it cannot be judged"]
    right_kept_share: Annotated[PrecisionJson | None, "kept ones among those that are right; null without"]


class WhatIfJson(TypedDict):
    """``review what-if``."""

    thresholds: Annotated[list[TriedThresholdJson], "in the order given"]
