"""Reads the prompts that a configuration names: from files of their own, or from the folder or store of ``prompts``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from extproc.config.checks import unreadable_problem
from extproc.config.load import Loaded
from extproc.config.problems import KeyPath, Problem
from extproc.config.prompt_checks import content_problems, missing_problem, store_problem, twice_problem
from extproc.config.prompts import PROMPT_BYTES_MAX, SUFFIXES, Prompt, prompts_of
from extproc.server.operations.prompt_store import PromptStoreFailed

AskStore = Callable[[str, str], bytes]
ReadContent = Callable[[Path, int], bytes | OSError]
"""Reads a file up to one byte above a limit, and watches it from then on."""


class PromptReader:
    """The prompts of one document.

    Args:
        folder: of the configuration file.
        ask_store: asks the store of ``prompts`` for a name and a version; raises PromptStoreFailed.
    """

    def __init__(self, loaded: Loaded, folder: Path, read: ReadContent, ask_store: AskStore) -> None:
        self._loaded = loaded
        self._ask_store = ask_store
        self._folder = folder
        self._read = read
        self._texts: dict[str, str] = {}
        self.sources: dict[str, str] = {}  # the file of each prompt, or its name in the store, by ``Prompt.key``
        self._seen: set[str] = set()
        self._problems: list[Problem] = []

    def read(self) -> tuple[dict[str, str], list[Problem]]:
        """The content of each prompt by ``Prompt.key``, and all problems."""
        for path, prompt in prompts_of(self._loaded.document):
            if prompt.key not in self._seen:  # the problem of one that several versions name is told once
                self._seen.add(prompt.key)
                self._take(path, prompt, *self._found(path, prompt))
        return self._texts, self._problems

    def _take(self, path: KeyPath, prompt: Prompt, source: str, content: bytes | OSError | None) -> None:
        places = self._loaded.places
        if content is None:
            return
        if isinstance(content, OSError):
            key = "file" if prompt.file is not None else "version"
            self._problems.append(unreadable_problem((*path, key), content, places))
            return
        text, problems = content_problems(path, prompt, content, source, places)
        self._problems += problems
        if not problems:
            self._texts[prompt.key], self.sources[prompt.key] = text, source

    def _found(self, path: KeyPath, prompt: Prompt) -> tuple[str, bytes | OSError | None]:
        """Its file and content; None if that is a problem which has been noted."""
        if prompt.file is not None:
            return prompt.file, self._read(self._folder / prompt.file, PROMPT_BYTES_MAX)
        source = self._loaded.document.prompts
        if source is None:
            raise AssertionError("a named prompt has a source: `prompt_section_problems` checks that")
        if source.folder is None:
            return self._stored(path, prompt)
        files = tuple(f"{source.folder}/{prompt.label}{suffix}" for suffix in SUFFIXES)
        contents = [self._read(self._folder / file, PROMPT_BYTES_MAX) for file in files]
        there = [one for one in zip(files, contents, strict=True) if not isinstance(one[1], FileNotFoundError)]
        if len(there) == 1:
            return there[0]
        about = missing_problem if not there else twice_problem
        self._problems.append(about(path, files, self._loaded.places))
        return "", None

    def _stored(self, path: KeyPath, prompt: Prompt) -> tuple[str, bytes | None]:
        try:
            return prompt.label, self._ask_store(prompt.name or "", prompt.version or "")
        except PromptStoreFailed as failed:
            self._problems.append(store_problem(path, str(failed), self._loaded.places))
            return "", None
