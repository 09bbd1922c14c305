"""Holds what vLLM makes of requests against what is committed of it, or records it anew. Runs under vLLM's interpreter:

    PYTHONPATH=. VLLM/bin/python -m tests.tools.vllm_check            # compare; 1 if there is a difference
    PYTHONPATH=. VLLM/bin/python -m tests.tools.vllm_check --record   # a new version; then give each `?` a treatment

The other half, whether we treat each place as the table says and as vLLM needs, is in the default suite
(``tests/unit/payload/test_vllm_requests.py``), which needs no vLLM.
"""

from __future__ import annotations

import argparse
import difflib
import sys
import tempfile
from pathlib import Path

from tests.tools.vllm_check import joins, prefills, shown, table
from tests.tools.vllm_check.schema import Walk
from tests.tools.vllm_check.table import FOLDER, MINIMAL, NEW, REFUSED, Line, Table


def main() -> int:
    """Record or compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write the tables anew, keeping the treatments")
    if parser.parse_args().record:
        _record(FOLDER)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        _record(Path(folder))
        differences = [line for file in sorted(Path(folder).iterdir()) for line in _difference(file)]
    sys.stdout.writelines(differences)
    return 1 if differences else 0


def _record(folder: Path) -> None:
    for name, minimal in MINIMAL.items():
        lines = _lines(name, minimal)
        table.write(name, shown.VERSION, lines, folder)
        new = sum(line.treatment == NEW for line in lines)
        sys.stderr.write(f"{name}: {len(lines)} places, {new} without a treatment\n")
    joins.write(shown.VERSION, shown.contents, shown.Refused, folder)
    prefills.write(shown.VERSION, shown.is_continued, shown.Refused, folder)


def _lines(name: str, minimal: dict[str, object]) -> list[Line]:
    """The places of an API with what vLLM makes of a mark at each, and the treatments that people have given them."""
    committed = table.read(name).lines if (FOLDER / f"{name}.txt").exists() else []
    known = {(line.path, line.kind): line.treatment for line in committed}
    closed = table.closed_in(committed)
    places: dict[tuple[str, str], Line] = {}
    for place in Walk(shown.schema_of(name)).places(minimal):
        at = place.path, place.kind
        unknown = REFUSED if table.is_inside(place.path, closed) else NEW
        places.setdefault(at, Line(*at, "", known.get(at, unknown), place.base))
    found = Table(places.values())
    return table.listed([line._replace(shown=_verdict(name, found, line)) for line in found.lines])


def _verdict(name: str, found: Table, line: Line) -> str:
    try:
        text = shown.shown(name, found.marked(line))
    except shown.Refused:
        return table.REFUSES
    marks = [mark for mark in table.marks_of(line.kind) if mark in text]
    return "hides" if not marks else "shows" if table.MARK in marks or line.kind == "number" else "shows-key"


def _difference(file: Path) -> list[str]:
    committed = FOLDER / file.name
    before = committed.read_text(encoding="utf-8").splitlines(keepends=True) if committed.exists() else []
    after = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return list(difflib.unified_diff(before, after, f"committed/{file.name}", f"vLLM {shown.VERSION}/{file.name}", n=1))


if __name__ == "__main__":
    sys.exit(main())
