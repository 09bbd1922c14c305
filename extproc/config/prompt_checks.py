"""Checks of ``prompts``, and of the prompts that were read."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Document
from extproc.config.problems import ConfigInvalid, KeyPath, Places, Problem, shown
from extproc.config.prompt_files import parse_prompt_file
from extproc.config.prompts import PROMPT_BYTES_MAX, Prompt, prompts_of


def prompt_section_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Problems of where prompts come from, and of how versions name them."""
    source = document.prompts
    if source is not None and (source.folder is None) == (source.store is None):
        found = "neither a folder nor a store" if source.folder is None else "a folder and a store"
        yield places.problem(("prompts",), found, hint="Name one of `folder` and `store`.", at_key=True)
    for path, prompt in prompts_of(document):
        if prompt.file is not None and (prompt.name or prompt.version):
            found = "a file and the name of a prompt"
            yield places.problem((*path, "file"), found, hint="Keep `file`, or `name` and `version`.", at_key=True)
        elif prompt.file is None and not (prompt.name and prompt.version):
            found = "a prompt without a name" if not prompt.name else "a prompt without a version"
            hint = "Write `name` and `version` of a prompt of `prompts`, or `file`."
            yield places.problem(path, found, hint=hint, at_key=True)
        elif prompt.file is None and source is None:
            hint = "Say where prompts come from: add `prompts: { folder: prompts }`."
            yield places.problem((*path, "name"), "there is no section `prompts`", hint=hint, at_key=True)


def content_problems(
    path: KeyPath, prompt: Prompt, content: bytes, source: str, places: Places
) -> tuple[str, list[Problem]]:
    """The text of a prompt, and its problems: at the key that names it, or at its own lines.

    Args:
        path: key path of the prompt.
        content: PROMPT_BYTES_MAX + 1 bytes are enough.
        source: its file or URL, for messages.
    """
    at = (*path, "file") if prompt.file is not None else (*path, "version")
    if len(content) > PROMPT_BYTES_MAX:
        return "", [places.problem(at, f"the prompt is longer than {PROMPT_BYTES_MAX} bytes", hint="Shorten it.")]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"the prompt is not valid UTF-8 at byte {error.start}"
        return "", [places.problem(at, found, hint="Save it as UTF-8.")]
    if not text.strip():
        hint = "Write it, or remove `prompt` for a version without one."
        return "", [places.problem(at, "the prompt is empty", hint=hint)]
    if prompt.file is None:
        try:
            parse_prompt_file(text, source)
        except ConfigInvalid as invalid:
            return "", invalid.problems
    return text, []


def missing_problem(path: KeyPath, files: tuple[str, ...], places: Places) -> Problem:
    """The problem of a named prompt that is not in its folder."""
    hint = f"Expected {' or '.join(map(shown, files))}."
    return places.problem((*path, "version"), "there is no such prompt in the folder", hint=hint)


def twice_problem(path: KeyPath, files: tuple[str, ...], places: Places) -> Problem:
    """The problem of a named prompt that has two files."""
    found = f"the prompt is in two files, {' and '.join(map(shown, files))}"
    return places.problem((*path, "version"), found, hint="Remove one of them.")


def store_problem(path: KeyPath, told: str, places: Places) -> Problem:
    """The problem of a named prompt that the store did not give. Args: told: half a sentence about the store."""
    hint = "Check `prompts.store`. With `cache_file` a restart does not need the store."
    return places.problem((*path, "version"), f"the prompt store {told}", hint=hint)
