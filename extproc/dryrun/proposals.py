"""Proposes expectations for cases that have none, or others: as changed lines of their file, which keep the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from extproc.config.problems import KeyPath
from extproc.domain.record import Action
from extproc.dryrun.case_file import ExchangeCase, LoadedCases, as_list
from extproc.dryrun.cases import CaseResult, CaseRunner, covers
from extproc.dryrun.outcome import DryRun

_WIDTH = 1 << 20  # no line is folded


def proposed_text(text: str, loaded: LoadedCases, runner: CaseRunner, results: Sequence[CaseResult]) -> str:
    """The file with expectations that hold now, in place of those that do not.

    Args: text: of the file. results: of all cases, in order.
    """
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    for number in reversed(range(len(results))):  # from the end on, so that earlier lines keep their numbers
        result, case = results[number], loaded.content.cases[number]
        if not result.ok and result.last is not None:
            expected = proposal(case, runner.seen(result.last), result.last)
            order = {key: loaded.places.place(("cases", number, "expect", key)) for key in expected}
            expected = dict(sorted(expected.items(), key=lambda item: order[item[0]]))
            _replace(lines, loaded, ("cases", number), case, expected)
    return "".join(lines)


def proposal(case: ExchangeCase, seen: Mapping[str, Any], run: DryRun) -> dict[str, Any]:
    """What came of a case, by the keys that it has; of a case without any, what a reader would ask for."""
    if case.expect is not None:
        return {key: _value(key, seen, case) for key in case.expect.model_dump(exclude_unset=True)}
    if run.blocking_guards:
        return {"blocked_by": run.blocking_guards[0]}
    if run.is_refused:
        return {"status": seen["status"], "code": seen["code"]}
    if any(one.action is Action.MASK for one in run.found):
        return {"masked_as": seen["masked_as"]}
    flagged = {"flagged": list(seen["flagged"])} if seen["flagged"] else {}
    return {"passes": seen["passes"], **flagged}


def _value(key: str, seen: Mapping[str, Any], case: ExchangeCase) -> Any:
    value = seen[key]
    wanted = getattr(case.expect, key)
    if key in ("model_sees", "client_sees"):  # all of it is longer than what a reader asks for
        return value if isinstance(wanted, str) else value.split("\n")
    if key == "not_found":
        return [name for name in as_list(wanted) if not any(covers(name, one) for one in value)]
    if key == "version" and "/" not in wanted:
        return value.rpartition("/")[2]
    return list(value) if isinstance(value, tuple) else value


def _replace(
    lines: list[str], loaded: LoadedCases, at: KeyPath, case: ExchangeCase, expected: Mapping[str, Any]
) -> None:
    """Put a block in place of a case's expectation, or behind its other keys."""
    first_key = next(key for key in _keys(loaded, at))
    indent = loaded.places.place((*at, first_key)).column - 1
    block = yaml.safe_dump({"expect": dict(expected)}, sort_keys=False, allow_unicode=True, width=_WIDTH)
    written = [" " * indent + line for line in block.splitlines(keepends=True)]
    if case.expect is not None:
        start = loaded.places.place((*at, "expect")).line - 1
        lines[start : _end_of_block(lines, start, indent)] = written
        return
    last = max(loaded.places.place((*at, key)).line for key in _keys(loaded, at)) - 1
    end = _end_of_block(lines, last, indent)
    lines[end:end] = written


def _keys(loaded: LoadedCases, at: KeyPath) -> Iterable[str]:
    """The keys of a case that its file has."""
    return [key for key in ExchangeCase.model_fields if loaded.places.get((*at, key)) is not None]


def _end_of_block(lines: Sequence[str], start: int, indent: int) -> int:
    """The line behind the value of a key, without the empty lines and comments that follow it."""
    end = start + 1
    for number in range(start + 1, len(lines)):
        line = lines[number].rstrip("\n")
        if line.strip() and not line.lstrip().startswith("#"):
            if len(line) - len(line.lstrip()) <= indent:
                break
            end = number + 1
    return end
