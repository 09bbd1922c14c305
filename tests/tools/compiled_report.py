"""Where a compiled processor still does what an interpreter does: lines of the path that mypyc makes generic calls for.

    python -m tests.tools.compiled_report [--lines N]

mypyc says for each line what it could not compile to machine code: attributes and methods of classes that it does not
know, calls of objects, look-ups of globals. The exchanges of the benchmark say how often each line runs. What runs
often is listed first, with the lines of source. A minute of CPU; nothing is written.
"""

from __future__ import annotations

import argparse
import linecache
import runpy
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from mypy.fscache import FileSystemCache
from mypyc.annotate import generate_annotations
from mypyc.build import construct_groups, get_mypy_config
from mypyc.codegen import emitmodule
from mypyc.errors import Errors
from mypyc.options import CompilerOptions

from tests.bench.exchanges import InProcess, scripts

ROOT: Final = Path(__file__).parents[2]
_WARM_UP: Final = 5


class Line(NamedTuple):
    """A line of source. Attributes: file: below the project's folder."""

    file: str
    number: int


class GenericLine(NamedTuple):
    """One that has generic calls. Attributes: runs: in the exchanges of the benchmark."""

    line: Line
    hints: list[str]
    runs: int

    @property
    def weight(self) -> int:
        """How many generic calls it makes."""
        return self.runs * len(self.hints)


def generic_calls() -> dict[Line, list[str]]:
    """What mypyc says of each line of the files that are compiled."""
    files = runpy.run_path(str(ROOT / "setup.py"))["sources"]()
    terms, cache = CompilerOptions(multi_file=True), FileSystemCache()
    sources, _, options = get_mypy_config(files, None, terms, cache)
    groups = construct_groups(sources, False, True, None)
    result = emitmodule.parse_and_typecheck(sources, options, terms, groups, cache)
    modules, _, mapper = emitmodule.compile_modules_to_c(result, terms, Errors(options), groups)
    found: dict[Line, list[str]] = {}
    for name, module in modules.items():
        state = result.graph[name]
        assert state.path is not None
        assert state.tree is not None
        source = generate_annotations(state.path, state.tree, module, result.types, mapper)
        for number, hints in source.annotations.items():
            found[Line(state.path, number)] = [hint.message for hint in hints]
    return found


def line_runs() -> Counter[Line]:
    """How often each line of the project runs in one exchange of each kind, guarded and only metered."""
    counted: Counter[Line] = Counter()
    prefix = f"{ROOT}/extproc/"

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(prefix):
            return None
        if event == "line":
            counted[Line(str(Path(frame.f_code.co_filename).relative_to(ROOT)), frame.f_lineno)] += 1
        return trace

    for guarded in (False, True):
        for script in scripts():
            processor = InProcess(guarded=guarded)
            for _ in range(_WARM_UP):
                processor.run(script)
            sys.settrace(trace)
            try:
                processor.run(script)
            finally:
                sys.settrace(None)
    return counted


def generic_lines() -> Iterator[GenericLine]:
    """Those that run, the heaviest first."""
    runs = line_runs()
    lines = [GenericLine(line, hints, runs[line]) for line, hints in generic_calls().items() if runs[line]]
    yield from sorted(lines, key=lambda each: -each.weight)


def main() -> None:
    """Print the heaviest lines, and what each file makes in all."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.compiled_report", description="Generic calls left.")
    parser.add_argument("--lines", type=int, default=60, metavar="N", help="how many to list (default: 60)")
    asked = parser.parse_args()
    lines = list(generic_lines())
    by_file: Counter[str] = Counter()
    for each in lines:
        by_file[each.line.file] += each.weight
    for each in lines[: asked.lines]:
        print(f"{each.weight:6,} {each.line.file}:{each.line.number}: {linecache.getline(*each.line).strip()}")
        for hint in dict.fromkeys(each.hints):
            print(f"         {hint}")
    print(f"\n{sum(by_file.values()):,} generic calls in one exchange of each kind:")
    for file, weight in by_file.most_common():
        print(f"{weight:6,} {file}")


if __name__ == "__main__":
    main()
