"""What guards that mask can still get wrong: keys that do nothing, and key files that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Document
from extproc.config.guards.masking import Masking, MaskType
from extproc.config.guards.pii import PiiGuard
from extproc.config.problems import KeyPath, Places, Problem
from extproc.domain.masks import HASH_KEY_BYTES_MAX, HASH_KEY_BYTES_MIN


def masking_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Everything that is wrong between the keys of a guard's masks."""
    for path, guard, masking in _masking(document):
        if masking.key_file is not None and masking.type is not MaskType.HASH:
            hint = "Remove it, or write `type: hash`."
            yield places.problem((*path, "key_file"), "only masks of type `hash` have a key", hint=hint)
        if masking.type is MaskType.REVERSIBLE and guard.on == "response":
            found = "nothing to restore: the guard does not look at requests"
            yield places.problem((*path, "type"), found, hint="Write `on: both`, or another `type`.")


def mask_key_files(document: Document) -> list[tuple[KeyPath, str]]:
    """The key path and file of every key for masks, in the order of the document."""
    return [
        ((*path, "key_file"), masking.key_file)
        for path, _, masking in _masking(document)
        if masking.type is MaskType.HASH and masking.key_file is not None
    ]


def mask_key_problem(path: KeyPath, content: bytes, places: Places) -> Problem | None:
    """What is wrong with the bytes of a key file; HASH_KEY_BYTES_MAX + 1 of them are enough."""
    if HASH_KEY_BYTES_MIN <= len(content) <= HASH_KEY_BYTES_MAX:
        return None
    expected = f"{HASH_KEY_BYTES_MIN} to {HASH_KEY_BYTES_MAX} bytes"
    hint = "Make one with `openssl rand -out FILE 32`."
    return places.problem(path, "a key of another length", expected=expected, hint=hint)


def _masking(document: Document) -> Iterator[tuple[KeyPath, PiiGuard, Masking]]:
    for number, policy in enumerate(document.policies):
        for index, guard in enumerate(policy.guards):
            if isinstance(guard, PiiGuard):
                yield ("policies", number, "guards", index, "masking"), guard, guard.masking
