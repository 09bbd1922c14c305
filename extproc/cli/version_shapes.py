"""The shapes of what ``extproc versions`` prints with ``--json``."""

from __future__ import annotations

from typing import Annotated, TypedDict

from extproc.cli.diff_shapes import UnitDifferenceJson
from extproc.config.fallback import FallbackReason
from extproc.config.version_lock import LockProblem, Unlocked


class ChainedVersionJson(TypedDict):
    """A version of a chain."""

    version: Annotated[str, "MODEL/VERSION"]
    served_model: Annotated[str, "`model` in requests to its servers"]
    provider: Annotated[str | None, "who answers in place of servers of one's own; null: nobody"]
    context_tokens_max: Annotated[int | None, "it is skipped if prompt and answer may be longer; null: never"]


class FallbackJson(TypedDict):
    """Who is asked in turn where a version is chosen."""

    chain: Annotated[list[ChainedVersionJson], "in turn, the chosen version first; each once"]
    on: Annotated[list[FallbackReason], "what makes Envoy ask the next one"]
    first_byte_ms: Annotated[int | None, "`timeout` of a stream, except of the last version; null: none"]
    unstreamed_first_byte_ms: Annotated[int | None, "likewise of an unstreamed answer"]


class WithheldJson(TypedDict):
    """A version at a provider that cannot answer an exchange."""

    version: Annotated[str, "MODEL/VERSION"]
    provider: Annotated[str, "its provider"]
    rule: Annotated[str | None, "the key that forbids it; null: the provider does not serve the API"]


class ListedVersionJson(TypedDict):
    """A version in a list."""

    model: Annotated[str, "the name that clients use"]
    version: Annotated[str, "its name"]
    fingerprint: Annotated[str, "of all its parts"]
    weight: Annotated[int, "as in the file"]
    share: Annotated[float, "of the exchanges of its model, from 0 to 1"]
    served_model: Annotated[str, "`model` in requests to its servers"]
    prompt: Annotated[str, "the name of its system prompt; empty: none"]
    prompt_fingerprint: Annotated[str, "of the text of its prompt; empty: none"]
    fallback: Annotated[FallbackJson | None, "null: only this version answers"]


class VersionsJson(TypedDict):
    """``versions list``."""

    file: Annotated[str, "the configuration"]
    revision: Annotated[str, "as `/readyz` shows it"]
    versions: Annotated[list[ListedVersionJson], "in document order"]


class PartJson(TypedDict):
    """What a version is made of."""

    key: Annotated[str, "such as `price.prompt_micro_usd_per_mtok`"]
    value: Annotated[str, "as text; of `prompt.text` a fingerprint"]


class ShownVersionJson(TypedDict):
    """``versions show``."""

    version: Annotated[ListedVersionJson, "as in `versions list`"]
    endpoints: Annotated[list[str], "its model servers"]
    provider: Annotated[str | None, "who answers in place of them; null: nobody"]
    parts: Annotated[list[PartJson], "what its fingerprint is of"]
    prompt_text: Annotated[str | None, "its system prompt; null: none"]


class VersionDifferenceJson(UnitDifferenceJson):
    """Two versions, or two revisions of one."""

    before_weight: Annotated[int | None, "null: it is new"]
    after_weight: Annotated[int | None, "null: it has gone"]
    prompt_diff: Annotated[list[str], "lines of a unified diff of the prompts"]


class VersionDiffJson(TypedDict):
    """``versions diff``."""

    before: Annotated[str, "as given"]
    after: Annotated[str, "as given"]
    versions: Annotated[list[VersionDifferenceJson], "that differ; empty: nothing does"]


class UnlockedJson(TypedDict):
    """A version that is not as the lock file has it."""

    version: Annotated[str, "MODEL/VERSION"]
    problem: Annotated[LockProblem, "what is wrong"]
    changed: Annotated[list[str], "keys of the parts that changed"]


class LockedJson(TypedDict):
    """``versions lock``."""

    file: Annotated[str, "the lock file that was written"]
    versions: Annotated[int, "how many it has"]
    changed: Annotated[list[UnlockedJson], "what is not as in the lock file before"]


def unlocked_data(one: Unlocked) -> UnlockedJson:
    """A version that is not as the lock file has it."""
    return {"version": one.version, "problem": one.problem, "changed": one.changed}


class LimitKeyJson(TypedDict):
    """A part of what has a count of its own."""

    name: Annotated[str, "such as `team`"]
    value: Annotated[str, "of the request; empty: not known"]


class RateLimitJson(TypedDict):
    """A rate limit that applies to a request."""

    limit: Annotated[str, "its name"]
    of: Annotated[str, "what is counted, such as `tokens`"]
    admits: Annotated[str, "in words, such as `60 requests per minute`"]
    burst: Annotated[int, "how much it admits at once"]
    key: Annotated[list[LimitKeyJson], "what has a count of its own; empty: one count for all"]
    takes: Annotated[int, "what the request reserves, by an estimate"]
    enforced: Annotated[bool, "false: in shadow"]
    refuses: Annotated[bool, "whether it has no room for the request even if nothing else is reserved"]
