"""The configuration and its prompts, read from disk; a ConfigMap's symlink swap is noticed like any other change."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from extproc.config.checks import PROMPT_BYTES_MAX, prompt_files, prompt_problem
from extproc.config.load import CONFIG_BYTES_MAX, Loaded, decode, load
from extproc.config.problems import ConfigInvalid, Problem

Signature = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """What was read: the document with its warnings, and the text of each prompt by its path in the document."""

    loaded: Loaded
    prompts: dict[str, str]


def read_config(file: Path) -> ConfigFiles:
    """Read a configuration file and the prompts it names.

    Raises: ConfigInvalid, also for files that cannot be read.
    """
    content = _read(file, CONFIG_BYTES_MAX)
    if isinstance(content, OSError):
        found = f"the file cannot be read ({(content.strerror or 'input or output error').lower()})"
        raise ConfigInvalid([Problem(str(file), 1, 1, "", found)])
    loaded = load(decode(content, str(file)), str(file))
    prompts: dict[str, str] = {}
    problems: list[Problem] = []
    for path, name in prompt_files(loaded.document):
        prompt = _read(file.parent / name, PROMPT_BYTES_MAX)
        problem = prompt_problem(path, prompt, loaded.places)
        if problem is not None:
            problems.append(problem)
        elif isinstance(prompt, bytes):
            prompts[name] = prompt.decode("utf-8")
    if problems:
        raise ConfigInvalid([*problems, *loaded.warnings])
    return ConfigFiles(loaded, prompts)


def watched_files(file: Path, prompts: dict[str, str]) -> list[Path]:
    """The files whose change means a reload."""
    return [file, *(file.parent / name for name in sorted(prompts))]


def signature(files: list[Path]) -> Signature:
    """What changes when any of the files changes: where it really is, its time and its size. A missing file has zeros."""
    return tuple(_signature(file) for file in files)


def _signature(file: Path) -> tuple[str, int, int, int]:
    real = os.path.realpath(file)
    try:
        status = os.stat(real)
    except OSError:
        return real, 0, 0, 0
    return real, status.st_ino, status.st_mtime_ns, status.st_size


def _read(file: Path, bytes_max: int) -> bytes | OSError:
    """The bytes of a file, at most one more than the limit, or why there are none."""
    try:
        with file.open("rb") as stream:
            return stream.read(bytes_max + 1)
    except OSError as error:
        return error
