"""The shapes of what ``extproc prompts`` prints with ``--json``."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from extproc.cli.diff_shapes import UnitDifferenceJson
from extproc.config.prompt_template import Position
from extproc.config.prompt_values import FillOutcome

CaseStatus = Literal["passed", "failed", "error", "skipped"]
Verdict = Literal["better", "worse", "same", "unknown"]


class ListedPromptJson(TypedDict):
    """A prompt in a list."""

    prompt: Annotated[str, "NAME-VERSION, or the path of its file"]
    name: Annotated[str | None, "null: a version names its file"]
    version: Annotated[str | None, "null: a version names its file"]
    owner: Annotated[str, "of the front matter; empty: none"]
    variables: Annotated[list[str], "in its text, in order"]
    bytes: Annotated[int, "of the text"]
    fingerprint: Annotated[str, "of the text, and of what its variables become"]
    tests: Annotated[int, "cases in its front matter"]
    used_by: Annotated[list[str], "MODEL/VERSION, or the key of a route; empty: nobody"]
    problems: Annotated[list[str], "why a file that nobody uses is unusable"]


class PromptsJson(TypedDict):
    """``prompts list``."""

    file: Annotated[str, "the configuration"]
    revision: Annotated[str, "as `/readyz` shows it"]
    prompts: Annotated[list[ListedPromptJson], "in document order; those that nobody uses follow"]


class PromptUseJson(TypedDict):
    """Who uses a prompt."""

    by: Annotated[str, "MODEL/VERSION, or the key of a route"]
    position: Annotated[Position, "where it is inserted"]
    version: Annotated[str, "MODEL/VERSION that gets it, the first of a route; empty: that depends on the request"]


class PromptVariableJson(TypedDict):
    """A variable of a prompt."""

    name: Annotated[str, "as in the text"]
    header: Annotated[str | None, "that brings the value; null: it is built in"]
    type: Annotated[str, "`word`, `text` or `integer`"]
    values: Annotated[list[str], "the only values; empty: any"]
    default: Annotated[str, "in place of a value that is missing or does not fit"]
    chars_max: Annotated[int, "largest length"]


class ShownPromptJson(TypedDict):
    """``prompts show``."""

    prompt: Annotated[ListedPromptJson, "as in `prompts list`"]
    notes: Annotated[str, "of the front matter"]
    uses: Annotated[list[PromptUseJson], "who uses it, and where it is inserted"]
    variables: Annotated[list[PromptVariableJson], "in its text, in order"]
    constant_bytes: Annotated[int, "of the text without its variables"]
    shared_bytes: Annotated[int, "of these, before the first variable that differs between requests"]
    shared_tokens: Annotated[int, "the same, estimated"]
    warning: Annotated[str | None, "that little is shared; null: enough is"]
    text: Annotated[str, "with its variables"]


class FilledVariableJson(TypedDict):
    """What became of a variable."""

    name: Annotated[str, "as in the text"]
    header: Annotated[str | None, "that brings the value; null: it is built in"]
    given: Annotated[str | None, "null: nothing was"]
    value: Annotated[str, "that the model gets"]
    outcome: Annotated[FillOutcome, "`default`: the given value does not fit; `not given`: the default too"]


class RenderedPromptJson(TypedDict):
    """``prompts render``."""

    prompt: Annotated[str, "NAME-VERSION, or the path of its file"]
    fingerprint: Annotated[str, "as in `prompts list`"]
    variables: Annotated[list[FilledVariableJson], "in its text, in order"]
    text: Annotated[str, "as the model gets it"]


class PromptDifferenceJson(UnitDifferenceJson):
    """Two prompts, or two states of one; the parts are keys of the front matter."""

    text_diff: Annotated[list[str], "lines of a unified diff of the texts"]


class PromptDiffJson(TypedDict):
    """``prompts diff``."""

    before: Annotated[str, "as given"]
    after: Annotated[str, "as given"]
    prompts: Annotated[list[PromptDifferenceJson], "that differ; empty: nothing does"]


class ShortfallJson(TypedDict):
    """What an answer is not, although it is expected."""

    key: Annotated[str, "of `expect`"]
    expected: Annotated[str, "in words"]
    got: Annotated[str, "in words"]


class PromptResultJson(TypedDict):
    """What came of a golden case with one prompt."""

    prompt: Annotated[str, "NAME-VERSION, or the path of its file"]
    case: Annotated[str, "its name"]
    status: Annotated[CaseStatus, "`error`: there is no answer, or no verdict of the judge"]
    took_ms: Annotated[float, "with the judge"]
    prompt_tokens: Annotated[int | None, "as the server counts; null: it does not"]
    cached_tokens: Annotated[int | None, "of them, from the prefix cache"]
    completion_tokens: Annotated[int | None, "as the server counts; null: it does not"]
    answer: Annotated[str | None, "all of it; null: none"]
    cut_short: Annotated[bool, "it has reached `--max-tokens`"]
    shortfalls: Annotated[list[ShortfallJson], "in which it is not as expected"]
    reason: Annotated[str, "of an error, or why the case or its judge was skipped; empty: neither"]


class ComparedCaseJson(TypedDict):
    """A golden case with two prompts."""

    prompt: Annotated[str, "that is tested"]
    case: Annotated[str, "its name"]
    verdict: Annotated[Verdict, "by the number of shortfalls; `unknown`: one has no answer or no judge"]


class PromptTestJson(TypedDict):
    """``prompts test``."""

    ok: Annotated[bool, "no case fails, and the server answers every one"]
    url: Annotated[str, "as given"]
    passed: Annotated[int, "cases"]
    failed: Annotated[int, "cases"]
    errors: Annotated[int, "cases"]
    skipped: Annotated[int, "cases"]
    took_ms: Annotated[float, "for all"]
    results: Annotated[list[PromptResultJson], "in order"]
    against: Annotated[str | None, "the other prompt; null: none"]
    against_results: Annotated[list[PromptResultJson], "of the other prompt, which are not counted"]
    compared: Annotated[list[ComparedCaseJson], "with the other prompt"]
