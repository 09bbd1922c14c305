"""How every command is told which configuration to use: one way for all of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from extproc.cli.output import refuse

VARIABLE: Final = "LLM_EXTPROC_CONFIG"
DEFAULT: Final = Path("llm-extproc.yaml")
"""What ``extproc init`` writes, in the current folder."""

_HELP: Final = f"The configuration file; default: ${VARIABLE}, else {DEFAULT}."

ConfigArgument = Annotated[Path | None, typer.Argument(metavar="FILE", help=_HELP, show_default=False)]
ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help=_HELP, show_default=False)]


def config_file(option: Path | None, argument: Path | None = None) -> Path:
    """The configuration file that a command uses; without one the command ends, and says how to name it.

    Args: option, argument: as given; a command whose argument is something else has only the option.
    """
    if option and argument:
        refuse(f"Two configuration files: {argument} and --config {option}. Name one.")
    named = option or argument or os.environ.get(VARIABLE)
    if named:
        return Path(named)
    if not DEFAULT.exists():
        refuse(
            f"Which configuration? Name it with --config FILE, or in {VARIABLE}. There is no {DEFAULT} in this folder;"
            " `extproc init` writes one."
        )
    return DEFAULT


def config_file_if_any(option: Path | None, argument: Path | None = None) -> Path | None:
    """Likewise, of a command that needs none: None if none is named and there is no default."""
    is_there = option or argument or os.environ.get(VARIABLE) or DEFAULT.exists()
    return config_file(option, argument) if is_there else None
