"""Labels in a file, for ``extproc review import``: JSON Lines as ``export`` writes them, or CSV with the same columns.

A problem names its line and what was expected there. It quotes nothing of the file, which may hold texts of users.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from extproc.sinks.review.entries import IDENTITY, ImportedLabel, Label, ReviewLabel

FILE_BYTES_MAX: Final = 100_000_000
PROBLEMS_MAX: Final = 10
NAME_CHARS_MAX: Final = 100
NOTE_CHARS_MAX: Final = 2_000
_NUMBER_MAX: Final = 2**63 - 1
_LABELS: Final[Mapping[Any, ReviewLabel | None]] = {
    1: ReviewLabel.CONFIRM,
    0: ReviewLabel.REJECT,
    "1": ReviewLabel.CONFIRM,
    "0": ReviewLabel.REJECT,
    "confirm": ReviewLabel.CONFIRM,
    "reject": ReviewLabel.REJECT,
    "": None,
    None: None,
}


class FileInvalid(Exception):
    """A file of labels that cannot be used; ``problems`` has a sentence for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        more = len(problems) - PROBLEMS_MAX
        self.problems = problems[:PROBLEMS_MAX] + ([f"and {more} more problems"] if more > 0 else [])


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The labels of a file; ``unlabeled``: lines whose label is null."""

    labels: list[ImportedLabel]
    unlabeled: int


class _Wrong(Exception):
    """What is wrong in a line."""


def read_labels(content: bytes, name: str, by: str, now_ms: int) -> LabelFile:
    """The labels of a file.

    Args:
        name: of the file, for messages.
        by: the reviewer where a line names none.
        now_ms: the time where a line has none.
    Raises: FileInvalid with all problems.
    """
    if len(content) > FILE_BYTES_MAX:
        raise FileInvalid([f"{name}: larger than {FILE_BYTES_MAX} bytes; split it"])
    text = _decoded(content, name)
    rows = _json_rows if text.lstrip().startswith("{") else _csv_rows
    labels: list[ImportedLabel] = []
    problems: list[str] = []
    first: dict[int, int] = {}
    unlabeled = lines = 0
    for line, row in rows(text):
        lines += 1
        try:
            imported = _imported(line, row, by, now_ms)
            if imported is None:
                unlabeled += 1
                continue
            if imported.number in first:
                raise _Wrong(f"finding {imported.number} has a label on line {first[imported.number]} already")
            first[imported.number] = line
            labels.append(imported)
        except _Wrong as wrong:
            problems.append(f"{name}:{line}: {wrong}")
    if not lines:
        problems.append(f"{name}: no lines; expected JSON Lines as `extproc review export` writes them, or CSV")
    if problems:
        raise FileInvalid(problems)
    return LabelFile(labels, unlabeled)


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FileInvalid([f"{name}:{line}: bytes that are not UTF-8"]) from None


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    """Each line that is not empty, with its number: a value, or the error that reading it gave."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, orjson.loads(line)
            except orjson.JSONDecodeError:
                yield number, _Wrong("expected a JSON object on one line")


def _csv_rows(text: str) -> Iterator[tuple[int, Any]]:
    """Like ``_json_rows``; the first line has the names of the columns. A note may have line breaks."""
    head = text.split("\n", 1)[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if ";" in head and "," not in head else ",", strict=True
    )
    columns: list[str] | None = None
    line = 1
    try:
        for row in reader:
            if columns is None:
                columns = [column.strip() for column in row]
                missing = [f"`{column}`" for column in ("id", "label") if column not in columns]
                if missing:
                    yield line, _Wrong(f"no column {' and no column '.join(missing)}; the first line names the columns")
                    return
            elif row and len(row) != len(columns):
                yield line, _Wrong(f"expected {len(columns)} columns; got {len(row)}")
            elif row:
                yield line, dict(zip(columns, row, strict=True))
            line = reader.line_num + 1
    except csv.Error:
        yield line, _Wrong("not CSV: a quote or a line break is out of place")


def _imported(line: int, row: Any, by: str, now_ms: int) -> ImportedLabel | None:
    if isinstance(row, _Wrong):
        raise row
    if not isinstance(row, dict):
        raise _Wrong("expected a JSON object on one line")
    number = _whole(row.get("id"), "id", 1, _NUMBER_MAX)
    if number is None:
        raise _Wrong("`id`: missing; expected the number of a finding")
    verdict = _verdict(row)
    if verdict is None:
        return None
    at_ms = _whole(row.get("labelled_at_ms"), "labelled_at_ms", 0, _NUMBER_MAX)
    who = _text(row.get("labelled_by"), "labelled_by", NAME_CHARS_MAX) or by
    note = _text(row.get("note"), "note", NOTE_CHARS_MAX)
    identity = {key: row[key] for key in IDENTITY if isinstance(row.get(key), str) and row[key]}
    return ImportedLabel(
        line, number, Label(verdict, who, now_ms if at_ms is None else at_ms, note), at_ms is not None, identity
    )


def _verdict(row: dict[str, Any]) -> ReviewLabel | None:
    label = row.get("label", "missing")
    if isinstance(label, bool | list | dict | float) or label not in _LABELS:
        raise _Wrong("`label`: expected 1 or confirm (right), 0 or reject (a false alarm), or nothing (no label)")
    return _LABELS[label]


def _whole(value: Any, key: str, low: int, high: int) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _Wrong(f"`{key}`: expected a whole number from {low}")
    return value


def _text(value: Any, key: str, chars_max: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > chars_max:
        raise _Wrong(f"`{key}`: expected a text of at most {chars_max} characters")
    return value
