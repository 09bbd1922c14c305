"""The committed tables of places, a file for each API: what vLLM makes of a place, and what we do.

    messages[]{role=user} object shown text:user {"role":"user","content":"x"}
     content string shown text:user

The step (indented by its depth), what may stand there, whether vLLM ``shows`` the model a mark that is put there,
``hides`` it or ``refuses`` it, our treatment, and what else an object must hold there. A place that vLLM has newly is
written with ``?`` for its treatment, which a test does not accept. What is inside of an object or array that we refuse,
or that vLLM refuses whatever is in it, is not listed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[2] / "vllm" / "requests"
MARK = "zqmarkone"
KEY_MARK = "x_zqkey"
NUMBER_MARK = 7_393_172_048
NEW = "?"
REFUSED = "refused"  # by us
REFUSES = "refuses"  # vLLM
# The smallest request of each API; vLLM wants a model in one of them.
MINIMAL: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "x"}]},
    "completions": {"prompt": "x"},
    "responses": {"input": "x"},
    "messages": {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]},
    "embeddings": {"input": "x"},
    "rerank": {"query": "x", "documents": ["x"]},
}
_MARKS: dict[str, Any] = {
    "string": MARK,
    "word": MARK,
    "number": NUMBER_MARK,
    "boolean": MARK,
    "any": {KEY_MARK: MARK},
    "array": [MARK],
    "object": {KEY_MARK: MARK},
}


class Line(NamedTuple):
    """One place."""

    path: str
    kind: str
    shown: str
    treatment: str
    base: dict[str, Any] | None = None


class Table:
    """All places of one API's requests."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)
        self._bases = {line.path: line.base for line in self.lines if line.base is not None}

    def marked(self, line: Line) -> dict[str, Any]:
        """The smallest request with a mark at this place."""
        mark = _MARKS[line.kind]
        value = {**(line.base or {}), **mark} if line.kind == "object" else mark
        steps = _steps(line.path)
        for depth in range(len(steps), 0, -1):
            key, arrays = _key_of(steps[depth - 1])
            for _ in range(arrays):
                value = [value]
            value = {**(self._bases.get(".".join(steps[: depth - 1])) or {}), key: value}
        return value


def marks_of(kind: str) -> tuple[str, ...]:
    """What to look for where a mark of this kind was put."""
    if kind == "number":
        return (str(NUMBER_MARK),)
    return (MARK, KEY_MARK) if kind in ("any", "object") else (MARK,)


def _steps(path: str) -> list[str]:
    return path.split(".") if path else []


def _key_of(step: str) -> tuple[str, int]:
    """A step's key, and in how many arrays its value stands."""
    plain = step.partition("{")[0]
    return plain.rstrip("[]"), plain.count("[]")


def _refused_by_vllm(line: Line) -> bool:
    return line.shown == REFUSES


def _refused_by_us(line: Line) -> bool:
    return line.treatment == REFUSED


def listed(lines: Iterable[Line]) -> list[Line]:
    """The lines but those inside of what vLLM refuses, and of what we refuse, whatever is in it."""
    kept = list(lines)
    for refused in (_refused_by_vllm, _refused_by_us):
        taken = {place for line in kept if not refused(line) for place in (line.path, *_holders(line.path))}
        closed = {line.path for line in kept if line.kind in ("array", "object") and line.path not in taken}
        kept = [line for line in kept if closed.isdisjoint(_holders(line.path))]
    return kept


def closed_in(lines: Iterable[Line]) -> frozenset[str]:
    """What we refuse whatever is in it, so that nothing inside is listed."""
    known = list(lines)
    inhabited = {place for line in known for place in _holders(line.path)}
    return frozenset(line.path for line in known if line.treatment == REFUSED and line.path not in inhabited)


def is_inside(path: str, closed: frozenset[str]) -> bool:
    """Whether a place is in one of these."""
    return not closed.isdisjoint(_holders(path))


def _holders(path: str) -> Iterator[str]:
    """The paths of the objects and arrays that a place is in, from the outermost."""
    for at, sign in enumerate(path):
        if at and (sign == "." or path.startswith(("[]", "{"), at)):
            yield path[:at]


def read(name: str, folder: Path = FOLDER) -> Table:
    """The table of one API."""
    return Table(_parsed((folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()))


def _parsed(rows: Iterable[str]) -> Iterator[Line]:
    steps: list[str] = []
    for row in rows:
        if row.startswith("#"):
            continue
        depth = len(row) - len(row.lstrip(" "))
        step, kind, shown, treatment, *base = row[depth:].split(" ", 4)
        steps[depth:] = [step]
        path = ".".join(steps[1:]) if step != "$" else ""
        yield Line(path, kind, shown, treatment, json.loads(base[0]) if base else None)


def write(name: str, version: str, lines: Iterable[Line], folder: Path = FOLDER) -> None:
    """Write the table of one API."""
    folder.mkdir(parents=True, exist_ok=True)
    header = (
        f"# Places of {name} requests in vLLM {version}: "
        "`python -m tests.tools.vllm_check --record` under its interpreter.",
        "# The fourth word is our treatment, written by people; see tests/tools/vllm_check/table.py.",
    )
    (folder / f"{name}.txt").write_text("\n".join([*header, *_rows(lines)]) + "\n", encoding="utf-8")


def _rows(lines: Iterable[Line]) -> Iterator[str]:
    for line in sorted(lines, key=lambda line: (_steps(line.path), line.kind)):
        steps = _steps(line.path)
        step = steps[-1] if steps else "$"
        base = "" if line.base is None else " " + json.dumps(line.base, separators=(",", ":"))
        yield f"{' ' * len(steps)}{step} {line.kind} {line.shown} {line.treatment}{base}"
