"""The reference of the command line, made from its commands: what each is for, its arguments and options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.cli import COMMANDS, command
from extproc.cli.exit_codes import ExitCode
from extproc.cli.help import EXAMPLES

GROUPS = {name: list(group.commands) for name in COMMANDS if hasattr(group := command(name), "commands")}
"""The commands that have commands of their own."""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its full name, as it is called behind ``extproc``."""
    for name in COMMANDS:
        made = command(name)
        if name in GROUPS:
            yield from ((f"{name} {one}", made.commands[one]) for one in GROUPS[name])
        else:
            yield name, made


def cli_tables() -> str:
    """A heading for each command, its help, its examples, and one row for each argument and option."""
    return "\n\n".join(
        f"### `extproc {name}`\n\n{_cell(made.help)}\n\n{_examples(name)}\n\n{_table(made)}"
        for name, made in commands()
    )


def _examples(name: str) -> str:
    return "\n".join(["```sh", *EXAMPLES[name], "```"])


def exit_code_table() -> str:
    """One row for each code."""
    rows = ["| code | meaning |", "|---|---|"]
    return "\n".join(rows + [f"| {code.value} | {code.meaning} |" for code in ExitCode])


def _table(made: Any) -> str:
    rows = ["| argument or option | default | meaning |", "|---|---|---|"]
    for one in (param for param in made.params if not param.hidden):
        option = any(name.startswith("-") for name in one.opts)
        shown = ", ".join(f"`{name}`" for name in one.opts) if option else f"`{one.name.upper()}`"
        rows.append(f"| {shown} | {_default(one)} | {_cell(one.help)} |")
    return "\n".join(rows)


def _default(one: Any) -> str:
    if one.required:
        return "required"
    if isinstance(one.default, bool) or not one.default:
        return "-"
    return f"`{one.default}`"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("<", "&lt;")
