"""The manual page, made from the commands: ``python -m tests.docs.reference`` writes it, and the wheel installs it."""

from __future__ import annotations

from typing import Any, Final

import typer

from extproc.cli import COMMANDS
from extproc.cli import _app as app
from extproc.cli.exit_codes import ExitCode
from extproc.cli.help import EXAMPLES, type_in_words
from extproc.cli.which_config import DEFAULT, VARIABLE
from tests.docs.cli_tables import commands
from tests.docs.pages import ROOT

MAN_PAGE: Final = ROOT / "extproc" / "cli" / "extproc.1"
_ENVIRONMENT: Final = {
    VARIABLE: f"The configuration file, where none is named. Without it: {DEFAULT} in the current folder.",
    "NO_COLOR": "Not empty: no colors.",
    "COLUMNS": "The width of tables, also in a pipe.",
}


def man_page() -> str:
    """The page in the language of man(7)."""
    about = str(typer.main.get_command(app).help)
    parts = [
        '.\\" Made by python -m tests.docs.reference.',
        '.TH EXTPROC 1 "" "llm\\-extproc" "User Commands"',
        f".SH NAME\nextproc \\- {_text(about[0].lower() + about[1:].rstrip('.'))}",
        ".SH SYNOPSIS\n.B extproc\n.I COMMAND\n.RI [ OPTIONS ]",
        ".SH DESCRIPTION\n" + _text("Each command explains itself with --help. All documentation is in docs/."),
        ".SH COMMANDS",
        *(_command(name, made) for name, made in commands()),
        _definitions("EXIT STATUS", {str(code.value): code.meaning for code in ExitCode}),
        _definitions("ENVIRONMENT", _ENVIRONMENT),
        f".SH FILES\n.TP\n.B {_text(str(DEFAULT))}\n"
        + _text(f"What `extproc init` writes, and {VARIABLE} stands for."),
    ]
    return "\n".join(parts) + "\n"


def _command(name: str, made: Any) -> str:
    lines = [f".SS extproc {_text(name)}", _text(made.help or COMMANDS[name])]
    for param in (one for one in made.params if not one.hidden):
        is_option = any(opt.startswith("-") for opt in param.opts)
        names = ", ".join(param.opts) if is_option else str(param.display_name_raw)
        value = type_in_words(param) if is_option else None
        tag = f'.BI "{_text(names)} " "{_text(value)}"' if value else f".B {_text(names)}"
        lines += [".TP", tag, _text(param.help or "")]
    lines += [".PP", "Examples:", ".nf", *(_text(example) for example in EXAMPLES[name]), ".fi"]
    return "\n".join(lines)


def _definitions(heading: str, meanings: dict[str, str]) -> str:
    rows = (f".TP\n.B {_text(name)}\n{_text(meaning)}" for name, meaning in meanings.items())
    return "\n".join([f".SH {heading}", *rows])


def _text(text: str) -> str:
    """A text as it is: nothing in it is a request or an escape of roff."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    paragraphs = (" ".join(part.split()) for part in escaped.split("\n\n"))
    return "\n.PP\n".join(f"\\&{part}" if part.startswith(".") else part for part in paragraphs)
