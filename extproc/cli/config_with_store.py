"""The configuration of a command that reads a store."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from extproc.cli.output import refuse, refuse_configuration
from extproc.config.document import Document
from extproc.config.problems import ConfigInvalid
from extproc.config.required_extras import require_extra
from extproc.domain.extras import ExtraMissing
from extproc.server.operations.config_files import read_config


def config_with_store(config: Path, section: Literal["ledger", "review"], without: str) -> Document:
    """The configuration; the command ends unless it has that section, and the packages for its store are installed.

    Args: without: what is said where it lacks the section.
    """
    try:
        document = read_config(config).loaded.document
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    found = getattr(document, section)
    if found is None:
        refuse(without)
    try:
        require_extra(section, found.url)
    except ExtraMissing as missing:
        refuse(str(missing))
    return document
