"""The shapes of what ``extproc prompts`` prints with ``--json``."""

from __future__ import annotations

from typing import Annotated, TypedDict

from extproc.cli.version_shapes import PartDifferenceJson
from extproc.config.prompt_template import Position
from extproc.config.prompt_values import FillOutcome


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
    used_by: Annotated[list[str], "MODEL/VERSION, or another key of the configuration; empty: nobody"]
    problems: Annotated[list[str], "why a file that nobody uses is unusable"]


class PromptsJson(TypedDict):
    """``prompts list``."""

    file: Annotated[str, "the configuration"]
    revision: Annotated[str, "as `/readyz` shows it"]
    prompts: Annotated[list[ListedPromptJson], "in document order; those that nobody uses follow"]


class PromptUseJson(TypedDict):
    """Who uses a prompt."""

    by: Annotated[str, "MODEL/VERSION, or another key of the configuration"]
    position: Annotated[Position, "where it is inserted"]


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


class PromptDifferenceJson(TypedDict):
    """Two prompts, or two states of one."""

    before: Annotated[str | None, "null: it is new"]
    after: Annotated[str | None, "null: it has gone"]
    before_fingerprint: Annotated[str | None, "null: it is new"]
    after_fingerprint: Annotated[str | None, "null: it has gone"]
    parts: Annotated[list[PartDifferenceJson], "of the front matter, that differ"]
    text_diff: Annotated[list[str], "lines of a unified diff of the texts"]


class PromptDiffJson(TypedDict):
    """``prompts diff``."""

    before: Annotated[str, "as given"]
    after: Annotated[str, "as given"]
    prompts: Annotated[list[PromptDifferenceJson], "that differ; empty: nothing does"]
