"""Two processors on one path: the keys of the marks by which the second knows what the first has done, and checks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection
from extproc.config.problems import KeyPath, Places, Problem
from extproc.config.section import FilePath, Section

if TYPE_CHECKING:
    from extproc.config.document import Document

HOP_KEY_BYTES_MIN: Final = 32
HOP_KEY_BYTES_MAX: Final = 64
_AT: Final[KeyPath] = ("hops",)
_OF_THE_SECOND: Final = ("age_s_max", "skip_guards")
_NO_SETTING: Final = ("name", "review")
"""Keys of a guard that say nothing of what it does to a text."""
_DIGEST_CHARS: Final = 16


class Hops(Section):
    """Two processors on one path. The one in role route marks what it sends on, the one in role guard does not guard,
    count or insert a prompt again.
    """

    key_files: tuple[FilePath, ...] = Field(
        min_length=1,
        max_length=2,
        description="files with keys that both hops have, 32 to 64 bytes each: the first signs, each is accepted",
    )
    age_s_max: int = Field(
        default=60,
        ge=1,
        le=3_600,
        description="role guard: largest age of a mark, either way, as clocks differ [s]",
    )
    skip_guards: Literal["same", "all"] = Field(
        default="same",
        description=(
            "role guard: which guards a marked request and its response skip. same: those that the hop in front"
            " applies with the same settings. all: every one, whatever that hop applies"
        ),
    )


def hop_problems(document: Document, places: Places) -> Iterator[Problem]:
    """The problems of ``hops``."""
    hops = document.hops
    if hops is None:
        return
    for index, file in enumerate(hops.key_files):
        if file in hops.key_files[:index]:
            hint = "Name another one, or leave it out."
            yield places.problem((*_AT, "key_files", index), "the same file twice", hint=hint)
    if document.role == "guard":
        return
    for key in _OF_THE_SECOND:
        if places.get((*_AT, key)) is not None:
            found, hint = "only role `guard` has it", "The next hop decides that: remove it here."
            yield places.problem((*_AT, key), found, hint=hint, at_key=True)


def hop_key_files(document: Document) -> list[tuple[KeyPath, str]]:
    """Key path and file of each key, in document order."""
    files = () if document.hops is None else document.hops.key_files
    return [((*_AT, "key_files", index), file) for index, file in enumerate(files)]


def hop_key_problem(path: KeyPath, content: bytes, others: Mapping[str, bytes], places: Places) -> Problem | None:
    """The problem of a key file's bytes.

    Args:
        content: ``HOP_KEY_BYTES_MAX`` + 1 of them are enough.
        others: the other keys of the configuration, by their files.
    """
    hint = "Make one with `openssl rand -out FILE 32`."
    if not HOP_KEY_BYTES_MIN <= len(content) <= HOP_KEY_BYTES_MAX:
        expected = f"{HOP_KEY_BYTES_MIN} to {HOP_KEY_BYTES_MAX} bytes"
        return places.problem(path, "a key of the wrong length", expected=expected, hint=hint)
    if content in others.values():
        return places.problem(path, "the same key as that of another file", hint=hint)
    return None


def guard_digests(document: Document, texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What each guard does to a text, as a digest: policy, then name of the guard.

    Two configurations have the same digest only if the settings, the texts of the files, and the classifier are the
    same. Names and paths of files may differ.

    Args: texts: of each file of a guard, by its path in the document.
    """
    return {
        policy.name: {guard.name or guard.guard: _digest(guard, document, texts) for guard in policy.guards}
        for policy in document.policies
    }


def _digest(guard: GuardSection, document: Document, texts: Mapping[str, str]) -> str:
    data: dict[str, Any] = guard.model_dump(mode="json", exclude=set(_NO_SETTING))
    for one in guard.text_files():
        _put(data, one.key, texts.get(one.file, ""))
    for key, _ in guard.key_files():
        _put(data, key, "")
    classifier = document.classifiers.get(getattr(guard, "classifier", ""))
    meaning = [data, None if classifier is None else classifier.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:_DIGEST_CHARS]


def _put(data: Any, path: KeyPath, text: str) -> None:
    for part in path[:-1]:
        data = data[part]
    data[path[-1]] = text
