"""The reference of files of cases: one row for each key of a case, and of what is expected."""

from __future__ import annotations

from pydantic import BaseModel

from extproc.dryrun.case_file import CaseDefaults, CaseFile, ExchangeCase, Expectation


def case_table() -> str:
    """The keys of the file, of a case, and of `expect`."""
    rows = ["| key | meaning |", "|---|---|"]
    rows += _rows(CaseFile, "", {"defaults", "cases"})
    rows += _rows(CaseDefaults, "defaults.", set())
    rows += _rows(ExchangeCase, "cases[].", {"expect"})
    rows += _rows(Expectation, "cases[].expect.", set())
    return "\n".join(rows)


def _rows(model: type[BaseModel], before: str, leave_out: set[str]) -> list[str]:
    fields = model.model_fields.items()
    return [f"| `{before}{name}` | {field.description} |" for name, field in fields if name not in leave_out]
