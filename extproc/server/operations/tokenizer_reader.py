"""Reads the tokenizers that a configuration names: how large they are, what they hold, and whether they can be loaded.

Loading holds the interpreter's lock for a second, so another process tries it, once for each content.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from extproc.config.checks import unreadable_problem
from extproc.config.load import Loaded
from extproc.config.problems import KeyPath, Problem
from extproc.config.tokenizers import (
    TOKENIZER_BYTES_MAX,
    tokenizer_files,
    too_large_problem,
    unchecked_problem,
    unusable_problem,
)
from extproc.domain.extras import MODULES, missing_modules
from extproc.token_counting.process import COMMAND, LOAD_S_MAX
from extproc.token_counting.worker import CHANGED, NO_TOKENIZER, NOT_JSON

Content = Callable[[Path, int], bytes | OSError]
"""Reads a file, one byte more than a limit at most."""


class TokenizerReader:
    """Remembers what could be loaded. Args: tries: whether files are loaded at all, as where something is served."""

    def __init__(self, tries: bool) -> None:
        self._tries = tries
        self._loadable: set[str] = set()

    def read(self, loaded: Loaded, folder: Path, content: Content, texts: dict[str, str]) -> list[Problem]:
        """Add the SHA-256 of each file to ``texts``, by its path in the document; returns their problems."""
        problems: list[Problem] = []
        for path, name in tokenizer_files(loaded.document):
            if name not in texts:
                problems += self._read(path, name, loaded, folder, content, texts)
        self._loadable.intersection_update(texts.values())
        return problems

    def _read(
        self, path: KeyPath, name: str, loaded: Loaded, folder: Path, content: Content, texts: dict[str, str]
    ) -> Iterator[Problem]:
        read = content(folder / name, TOKENIZER_BYTES_MAX)
        if isinstance(read, OSError):
            yield unreadable_problem(path, read, loaded.places)
            return
        if len(read) > TOKENIZER_BYTES_MAX:
            yield too_large_problem(path, loaded.places)
            return
        sha256 = texts[name] = hashlib.sha256(read).hexdigest()
        if not self._tries or sha256 in self._loadable or missing_modules(MODULES["tokenizers"]):
            return
        reason = _tried((folder / name).resolve(), sha256)
        if not reason or reason == CHANGED:  # who sees the change reads it again
            self._loadable.add(sha256)
        elif reason in (NOT_JSON, NO_TOKENIZER):
            yield unusable_problem(path, reason == NO_TOKENIZER, loaded.places)
        else:
            yield unchecked_problem(path, reason, loaded.places)


def _tried(file: Path, sha256: str) -> str:
    """Load a tokenizer in another process. Returns: why that is not possible; empty: it is."""
    question = orjson.dumps({"load": str(file), "sha256": sha256}, option=orjson.OPT_APPEND_NEWLINE)
    try:
        ran = subprocess.run(
            COMMAND, input=question, capture_output=True, timeout=LOAD_S_MAX, check=False, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        return f"it takes more than {LOAD_S_MAX:g} s"
    except OSError as error:
        return (error.strerror or "no process can be started").lower()
    if not ran.stdout.endswith(b"\n"):
        return "the process that loads it died"
    return str(orjson.loads(ran.stdout).get("error", ""))
