"""The table of the transport's limits, made from the docstrings of ``H2Limits`` and its neighbor."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from extproc.server.transport.h2 import limits

SHAPE = re.compile(r"(?P<what>[^\[\]]+?)\.? \[(?P<unit>\w+)\](?: Over it: (?P<then>.+)\.)?")


class Limit(NamedTuple):
    """One limit, as its docstring tells it."""

    section: str
    name: str
    value: int | float
    unit: str
    what: str
    then: str


def read_limits() -> Iterator[Limit]:
    """Every field of ``H2Limits`` and ``SocketLimits``. Raises: ValueError for one that does not tell all."""
    tree = ast.parse(Path(limits.__file__).read_text())
    for section in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for field, told in zip(section.body, section.body[1:], strict=False):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            name = field.target.id
            text = told.value.value if isinstance(told, ast.Expr) and isinstance(told.value, ast.Constant) else ""
            read = SHAPE.fullmatch(" ".join(str(text).split()))
            if read is None:
                raise ValueError(
                    f"{section.name}.{name} needs a docstring: What it bounds. [unit] Over it: what happens."
                )
            value = getattr(getattr(limits, section.name)(), name)
            yield Limit(section.name, name, value, read["unit"], read["what"], read["then"] or "-")


def transport_limits_table() -> str:
    """One row for each limit, in their order."""
    rows = ["| limit | value | what it bounds | over it |", "|---|---|---|---|"]
    rows += [f"| `{limit.name}` | {limit.value:,} {limit.unit} | {limit.what} | {limit.then} |" for limit in _exact()]
    return "\n".join(rows)


def _exact() -> Iterator[Limit]:
    """A time is written without its fraction where it has none."""
    for limit in read_limits():
        yield limit._replace(value=int(limit.value)) if limit.value == int(limit.value) else limit
