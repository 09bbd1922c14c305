"""Runs files of cases: reads them with all that they name, and remembers what was read, to see when it changes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from extproc.cli.which_config import config_file
from extproc.config.problems import ConfigInvalid, KeyPath, Problem
from extproc.config.yaml_nodes import CONFIG_BYTES_MAX, decode
from extproc.dryrun.case_file import LoadedCases, files_of, parse_cases
from extproc.dryrun.cases import CaseResult, CaseRunner, check_names
from extproc.dryrun.compiled import compile_dry
from extproc.dryrun.proposals import proposed_text
from extproc.server.operations.config_files import ConfigReader
from extproc.server.sockets.address import reason_of


@dataclass(frozen=True, slots=True)
class FileRun:
    """One file of cases with its results. ``took_ns``: of the exchanges, without reading and compiling."""

    file: Path
    config: Path
    revision: str
    results: tuple[CaseResult, ...]
    took_ns: int
    text: str = field(repr=False)
    proposed: str = field(repr=False)

    @property
    def failed(self) -> int:
        """How many cases are not as expected."""
        return sum(not result.ok for result in self.results)


class ReadFiles:
    """The files that were read, and whether one has changed since."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, int, int]] = {}
        self._readers: list[ConfigReader] = []

    def read(self, file: Path) -> bytes:
        """The content of a file. Raises: OSError."""
        self._seen[file] = _signature(file)
        return file.read_bytes()

    def reader(self, config: Path) -> ConfigReader:
        """A reader of a configuration, and of what that names."""
        reader = ConfigReader(config, with_certificates=False)
        self._readers.append(reader)
        return reader

    def changed(self) -> bool:
        """Whether any file is another one now."""
        if any(reader.changed() for reader in self._readers):
            return True
        return any(_signature(file) != seen for file, seen in self._seen.items())


def run_file(file: Path, config: Path | None, files: ReadFiles) -> FileRun:
    """Run a file of cases. Raises: ConfigInvalid, also for files that cannot be read.

    Args: config: the configuration; None: the one that the file names, or the usual one.
    """
    try:
        content = files.read(file)
    except OSError as error:
        found = f"the file cannot be read ({reason_of(error)})"
        raise ConfigInvalid([Problem(str(file), 1, 1, "", found)]) from None
    text = decode(content[: CONFIG_BYTES_MAX + 1], str(file))
    loaded = parse_cases(text, str(file))
    messages = _messages(file, loaded, files)
    named = loaded.content.config
    used = config_file(config if config is not None or named is None else file.parent / named)
    read = files.reader(used).read()
    document = read.loaded.document
    if problems := check_names(loaded, document):
        raise ConfigInvalid(problems)
    snapshot = compile_dry(document, read.prompts, read.mask_keys)
    runner = CaseRunner(loaded, document, snapshot, messages)
    began_ns = time.perf_counter_ns()
    results = tuple(runner.results())
    took_ns = time.perf_counter_ns() - began_ns
    proposed = proposed_text(text, loaded, runner, results)
    return FileRun(file, used, snapshot.revision, results, took_ns, text, proposed)


def _messages(file: Path, loaded: LoadedCases, files: ReadFiles) -> dict[str, bytes]:
    """The content of each file that the cases name."""
    read: dict[str, bytes] = {}
    problems: list[Problem] = []
    for path, name in files_of(loaded.content):
        try:
            read[name] = files.read(file.parent / name)
        except OSError as error:
            problems.append(_unreadable(loaded, path, error))
    if problems:
        raise ConfigInvalid(problems)
    return read


def _unreadable(loaded: LoadedCases, path: KeyPath, error: OSError) -> Problem:
    return loaded.places.problem(path, f"the file cannot be read ({reason_of(error)})")


def _signature(file: Path) -> tuple[int, int, int]:
    try:
        status = os.stat(file)
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)
