"""The table of error codes, read from the code: every place where an error object is made, and Envoy's own errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import extproc
from extproc.envoy_config.local_replies import envoy_errors
from tests.docs.pages import GUARD_PAGES

PACKAGE = Path(extproc.__file__).parent
MAKERS = {"ApiError": 2, "refuse": 1, "_error": 1}
"""Who makes an error object, and which argument is its code; the status comes first, the message behind the code."""


class Made(NamedTuple):
    """One error: its HTTP status, its code, its message where that is always the same, and the guard that has it."""

    status: int
    code: str
    message: str
    guard: str = ""


def error_table() -> str:
    """One row for each code and status, ordered by status."""
    told: dict[tuple[int, str], list[str]] = {}
    for error in sorted(read_errors(), key=lambda one: (one.status, one.code)):
        messages = told.setdefault((error.status, error.code), [])
        if error.message not in messages:
            messages.append(error.message)
    rows = ["| status | code | message |", "|---|---|---|"]
    rows += [
        f"| {status} | [`{code}`](#{anchor_of(code)}) | {'<br>'.join(messages)} |"
        for (status, code), messages in told.items()
    ]
    return "\n".join(rows)


def guard_sections() -> str:
    """A section for each code of a guard, with the first sentence of the guard's page."""
    guards = {anchor_of(error.code): error.guard for error in read_errors() if error.guard}
    return "\n\n".join(_guard_section(code, guard) for code, guard in sorted(guards.items()))


def _guard_section(code: str, guard: str) -> str:
    page = (GUARD_PAGES / f"{guard}.md").read_text()
    about = " ".join(page.split("\n\n")[1].split()).partition(". ")[0].removesuffix(".")
    about = re.sub(r"\[(.+?)\]\(.*?\)", r"\1", about)
    return f"### {code}\n\nThe [guard `{guard}`](../guards/{guard}.md) {about[0].lower()}{about[1:]}."


def anchor_of(code: str) -> str:
    """The anchor of the code's section."""
    return code.replace("…", "name")


@cache
def read_errors() -> tuple[Made, ...]:
    """Every error whose status and code are written where it is made."""
    return tuple(_read_errors())


def _read_errors() -> Iterator[Made]:
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text())
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and (place := MAKERS.get(_called(call))) and len(call.args) > place + 1:
                status, code = _shown(call.args[0]), _shown(call.args[place])
                if status.isdecimal() and code.strip("…"):
                    yield Made(int(status), code, _message(call.args[place + 1], tree))
        if file.parent.name == "filters":
            yield from _codes_of_guards(tree, file.stem)
    yield from _codes_of_envoy()


def _codes_of_envoy() -> Iterator[Made]:
    for error in envoy_errors("…", "…"):
        for status in re.findall(r"response\.code (?:==|>=) (\d+)", error.condition):
            yield Made(int(status), error.code, f"{error.message} *(Envoy)*")


def _codes_of_guards(tree: ast.Module, guard: str) -> Iterator[Made]:
    """What guards are rejected with: ``code`` of the class, or of what is made of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("code", "self.code"):
            code = _shown(node.value)
            if code.strip("…"):
                yield Made(400, code, "the guard's `message`", guard)


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _message(node: ast.expr, tree: ast.Module) -> str:
    if isinstance(node, ast.Attribute) and node.attr == "message":
        return "the guard's `message`"
    if isinstance(node, ast.Name):
        assigned = [one for one in ast.walk(tree) if isinstance(one, ast.Assign) and one.lineno < node.lineno]
        named = [one for one in assigned if ast.unparse(one.targets[0]) == node.id]
        return _shown(max(named, key=lambda one: one.lineno).value) if named else "…"
    return _shown(node)


def _shown(node: ast.expr) -> str:
    """A literal as it is; what is put into it is left out as `…`."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return "…"
