"""The shape of what ``extproc replay --json`` prints."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict


class ReplayedAnswerJson(TypedDict):
    """What one version answered."""

    text: Annotated[str, "of the answer, as the model wrote it; empty without one"]
    tokens: Annotated[int | None, "of the answer, as the server counted them; null: it did not"]
    took_s: Annotated[float | None, "from the request to the whole answer; null without one"]
    findings: Annotated[int, "of guards in the answer"]
    signals: Annotated[list[str], "that the answer has, such as `refused` or `looped`"]
    problem: Annotated[str, "why there is no answer; may be empty"]


class JudgedPairJson(TypedDict):
    """What the judge says of two answers, which it saw in both orders."""

    verdict: Annotated[Literal["base", "against", "undecided"] | None, "which is better in both orders; null: no reply"]
    reason: Annotated[str, "of the first reply, which saw the base's answer first; may be empty"]
    problem: Annotated[str, "why there is no verdict; may be empty"]


class ReplayedRequestJson(TypedDict):
    """One request, sent to both."""

    name: Annotated[str, "of its line, or its finding"]
    question: Annotated[str, "the last text of the user"]
    base: Annotated[ReplayedAnswerJson, "the answer of the version that is compared with"]
    against: Annotated[ReplayedAnswerJson, "that of the other version"]
    similarity: Annotated[float | None, "share of first words in common; null: one has none"]
    judged: Annotated[JudgedPairJson | None, "null without `--rubric`, or without both answers"]


class ReplayedShareJson(TypedDict):
    """How many answers have a signal."""

    hits: Annotated[int, "choices, or tool calls, that have it"]
    judged: Annotated[int, "that were judged"]


class ReplayedSignalJson(TypedDict):
    """A signal of all answers."""

    signal: Annotated[str, "see the documentation of signals"]
    base: Annotated[ReplayedShareJson, "of the version that is compared with"]
    against: Annotated[ReplayedShareJson, "of the other version"]


class ReplayJson(TypedDict):
    """``replay``."""

    ok: Annotated[bool, "every request has both answers"]
    base: Annotated[str, "MODEL/VERSION"]
    against: Annotated[str, "MODEL/VERSION"]
    left_out: Annotated[int, "lines or findings that are no chat completion, or have no text"]
    signals: Annotated[list[ReplayedSignalJson], "over all answers"]
    requests: Annotated[list[ReplayedRequestJson], "in order"]
