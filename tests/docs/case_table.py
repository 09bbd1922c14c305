"""The references of files of cases and of front matter: one row for each key of a case, and of what is expected."""

from __future__ import annotations

from pydantic import BaseModel

from extproc.config.prompt_cases import AnswerExpectation, PromptCase
from extproc.config.prompt_files import FrontMatter
from extproc.config.prompt_variables import Variable
from extproc.dryrun.case_file import CaseDefaults, CaseFile, ExchangeCase, Expectation


def case_table() -> str:
    """The keys of the file, of a case, and of `expect`."""
    rows = ["| key | meaning |", "|---|---|"]
    rows += _rows(CaseFile, "", {"defaults", "cases"})
    rows += _rows(CaseDefaults, "defaults.", set())
    rows += _rows(ExchangeCase, "cases[].", {"expect"})
    rows += _rows(Expectation, "cases[].expect.", set())
    return "\n".join(rows)


def front_matter_table() -> str:
    """The keys of front matter, of a variable, of a golden case, and of what is expected of its answer."""
    rows = ["| key | meaning |", "|---|---|"]
    rows += _rows(FrontMatter, "", {"variables", "tests"})
    rows += _rows(Variable, "variables.NAME.", set())
    rows += _rows(PromptCase, "tests[].", {"expect"})
    rows += _rows(AnswerExpectation, "tests[].expect.", set())
    return "\n".join(rows)


def _rows(model: type[BaseModel], before: str, leave_out: set[str]) -> list[str]:
    fields = model.model_fields.items()
    return [f"| `{before}{name}` | {field.description} |" for name, field in fields if name not in leave_out]
