"""The files of tokenizers that versions name, and what may be wrong with them."""

from __future__ import annotations

from typing import Final

from extproc.config.document import Document
from extproc.config.problems import KeyPath, Places, Problem

TOKENIZER_BYTES_MAX: Final = 67_108_864
"""Largest file; those of vocabularies of 256,000 tokens have half of it."""
_HINT: Final = "Name the `tokenizer.json` in the folder of the model; its other files are read by other libraries."


def tokenizer_files(document: Document) -> list[tuple[KeyPath, str]]:
    """Key path and file of each version that has a tokenizer, in document order."""
    return [
        (("models", model_name, "versions", name, "tokenizer_file"), version.tokenizer_file)
        for model_name, model in document.models.items()
        for name, version in model.versions.items()
        if version.tokenizer_file is not None
    ]


def too_large_problem(path: KeyPath, places: Places) -> Problem:
    """The problem of a file that is no tokenizer, by its size."""
    found = f"{places.found(path)} is larger than {TOKENIZER_BYTES_MAX} bytes"
    return places.problem(path, found, hint=_HINT)


def unusable_problem(path: KeyPath, is_json: bool, places: Places) -> Problem:
    """The problem of a file that the library refuses."""
    what = "holds no tokenizer that the library `tokenizers` reads" if is_json else "is not JSON"
    return places.problem(path, f"{places.found(path)} {what}", hint=_HINT)


def unchecked_problem(path: KeyPath, reason: str, places: Places) -> Problem:
    """The problem of a file that could not be tried."""
    found = f"{places.found(path)} could not be tried ({reason})"
    return places.problem(path, found, hint="Try again, on a machine with enough memory.")
