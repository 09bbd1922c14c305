"""The ledger that a command reads, as the configuration names it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import refuse, refuse_configuration
from extproc.config.document import Document
from extproc.config.ledger import Ledger
from extproc.config.problems import ConfigInvalid
from extproc.ledger import LedgerUnavailable, require_packages
from extproc.server.operations.config_files import read_config

if TYPE_CHECKING:
    from extproc.ledger.store import LedgerStore


class LedgerConfig(NamedTuple):
    """A configuration with a ledger. ``folder``: where its relative paths begin."""

    document: Document
    section: Ledger
    folder: Path


def config_with_ledger(config: Path) -> LedgerConfig:
    """The configuration; the command ends unless it has a ``ledger:`` section whose packages are installed."""
    try:
        document = read_config(config).loaded.document
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    if document.ledger is None:
        refuse(f"{config} has no `ledger:` section, so no entries are kept")
    try:
        require_packages(document.ledger.url)
    except LedgerUnavailable as unavailable:
        refuse(str(unavailable))
    return LedgerConfig(document, document.ledger, config.parent)


@contextlib.contextmanager
def opened_ledger(config: LedgerConfig) -> Iterator[LedgerStore]:
    """The store; any failure of it ends the command with one sentence."""
    from extproc.database.engine import StoreFailed
    from extproc.ledger.store import LedgerStore

    try:
        # a store created here might not be accessible to the server
        store = LedgerStore(config.section.url, config.folder, creates=False)
        for warning in store.warnings:
            typer.echo(warning, err=True)
        with contextlib.closing(store):
            yield store
    except StoreFailed as failure:
        refuse(f"ledger: {failure}", code=ExitCode.STORE_FAILED)
