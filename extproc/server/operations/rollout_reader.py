"""Reads the rollouts that the shipper of the ledger writes, as a part of the configuration.

A file that is not there has no rollouts. One that cannot be used is told, and changes nothing: the shares that were in
force stay.
"""

from __future__ import annotations

from pathlib import Path

from extproc.config.document import Document
from extproc.config.problems import Problem, Severity
from extproc.domain.rollouts import RolloutShare
from extproc.ledger.rollouts.state_file import (
    ROLLOUT_FILE,
    ROLLOUT_FILE_BYTES_MAX,
    RolloutFileUnusable,
    parse_rollout_file,
)
from extproc.server.operations.prompt_reader import ReadContent


class RolloutReader:
    """The rollouts of one configuration file.

    Args:
        folder: of the configuration file.
        read: of any file; it is watched from then on.
    """

    def __init__(self, folder: Path, read: ReadContent) -> None:
        self._folder = folder
        self._content = read
        self._file: Path | None = None
        self._problems: list[Problem] = []
        self.shares: tuple[RolloutShare, ...] = ()

    def read_again(self) -> None:
        """Read the file of the last good document, so that it is watched whatever has become of that."""
        if self._file is not None:
            self._read(self._file)

    def read(self, document: Document) -> list[Problem]:
        """Read the file of a document, if that is another one. Returns: what is wrong with it, as warnings."""
        file = None if document.ledger is None else self._folder / document.ledger.spool / ROLLOUT_FILE
        if file != self._file:
            self._file, self._problems, self.shares = file, [], ()
            self.read_again()
        return self._problems

    def _read(self, file: Path) -> None:
        content = self._content(file, ROLLOUT_FILE_BYTES_MAX)
        self._problems = []
        if isinstance(content, (FileNotFoundError, NotADirectoryError)):
            self.shares = ()
        elif isinstance(content, OSError):
            self._warn(file, f"it cannot be read ({(content.strerror or 'input or output error').lower()})")
        else:
            try:
                self.shares = parse_rollout_file(content)
            except RolloutFileUnusable as unusable:
                self._warn(file, str(unusable))

    def _warn(self, file: Path, reason: str) -> None:
        found = f"rollouts stay as they were: {reason}"
        hint = "The process that ships the ledger writes this file; its log says more."
        self._problems.append(Problem(str(file), 1, 1, "", found, hint=hint, severity=Severity.WARNING))
