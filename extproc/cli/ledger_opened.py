"""The ledger that a command reads, as the configuration names it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from extproc.cli.config_with_store import config_with_store
from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import refuse
from extproc.config.document import Document
from extproc.config.ledger import Ledger

if TYPE_CHECKING:
    from extproc.ledger.store import LedgerStore


class LedgerConfig(NamedTuple):
    """A configuration with a ledger. ``folder``: where its relative paths begin."""

    document: Document
    section: Ledger
    folder: Path


def config_with_ledger(config: Path) -> LedgerConfig:
    """The configuration; the command ends unless it has a ``ledger:`` section whose packages are installed."""
    without = f"{config} has no `ledger:` section, so no entries are kept"
    document = config_with_store(config, "ledger", without)
    assert document.ledger is not None
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
