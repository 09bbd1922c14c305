"""Files of labels: what is read, exact errors with their lines, and the way from an export back into the store."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.review_import import FILE_BYTES_MAX, PROBLEMS_MAX, FileInvalid, read_labels
from extproc.sinks.review.entries import FindingQuery, Label, ReviewLabel
from extproc.sinks.review.store import Store
from tests.unit.cli.samples import fill

RIGHT, WRONG = ReviewLabel.CONFIRM, ReviewLabel.REJECT
NOW_MS = 1_000


def read(content: str | bytes) -> list[tuple[int, int, Label]]:
    """Line, number and label of each label of a file; who and when are those of the import."""
    written = content.encode() if isinstance(content, str) else content
    return [(one.line, one.number, one.label) for one in read_labels(written, "file", "ann", NOW_MS).labels]


def problems(content: str | bytes) -> list[str]:
    """What is wrong with a file."""
    with pytest.raises(FileInvalid) as refused:
        read(content)
    return refused.value.problems


# --- what is read --------------------------------------------------------------------------------------------------


def test_json_lines() -> None:
    """As an export writes them; empty lines and labels that are null are passed over."""
    content = (
        '{"id":7,"label":1,"labelled_by":"bob","labelled_at_ms":5,"note":"sure","text":"x","guard":"pii"}\n\n'
        '{"id":8,"label":null}\r\n{"id":9,"label":0}'
    )
    assert read(content) == [(1, 7, Label(RIGHT, "bob", 5, "sure")), (4, 9, Label(WRONG, "ann", NOW_MS, ""))]
    found = read_labels(content.encode(), "file", "ann", NOW_MS)
    assert found.unlabeled == 1
    assert [(one.has_time, one.identity) for one in found.labels] == [(True, {"guard": "pii"}), (False, {})]


@pytest.mark.parametrize("separator", [",", ";"])
def test_csv(separator: str) -> None:
    """The columns in any order, with others between them; a note may have line breaks; words are labels too."""
    content = '\ufeffnote,other,label,id\n"a quote,\nor two",x,reject,3\n\n,y,1,4\n,z,,5\n'
    expected = [(2, 3, Label(WRONG, "ann", NOW_MS, "a quote,\nor two")), (5, 4, Label(RIGHT, "ann", NOW_MS, ""))]
    assert read(content.replace(",", separator).replace(f"quote{separator}", "quote,")) == expected


@given(
    st.dictionaries(
        st.integers(1, 2**63 - 1),
        st.tuples(
            st.sampled_from([0, 1]), st.text(min_size=1, max_size=9), st.integers(0, 2**53), st.text(max_size=20)
        ),
        min_size=1,
    ),
    st.booleans(),
)
def test_what_is_written_is_read(labels: dict[int, tuple[int, str, int, str]], as_csv: bool) -> None:
    """Whatever notes and names hold, in both formats."""
    columns = ("label", "labelled_by", "labelled_at_ms", "note")
    rows = [{"id": number, **dict(zip(columns, values, strict=True))} for number, values in labels.items()]
    if as_csv:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, ["id", *columns], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
        content = out.getvalue()
    else:
        content = "".join(json.dumps(row) + "\n" for row in rows)
    expected = {number: Label(RIGHT if one else WRONG, by, at, note) for number, (one, by, at, note) in labels.items()}
    assert {number: label for _, number, label in read(content.encode("utf-8", "surrogatepass"))} == expected


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: ("id,label\n" + text).encode()))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """With sentences about the file, never with another error."""
    with contextlib.suppress(FileInvalid):
        read(content)


# --- what is refused -----------------------------------------------------------------------------------------------

LABEL = "`label`: expected 1 or confirm (right), 0 or reject (a false alarm), or nothing (no label)"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "file: no lines; expected JSON Lines as `extproc review export` writes them, or CSV"),
        ("id,label\n", "file: no lines; expected JSON Lines as `extproc review export` writes them, or CSV"),
        ("id,verdict\n1,1\n", "file:1: no column `label`; the first line names the columns"),
        ("1,1\n", "file:1: no column `id` and no column `label`; the first line names the columns"),
        ("id,label\n1\n", "file:2: expected 2 columns; got 1"),
        ('id,label,note\n1,1,"x\ny"\n2,1,"open', "file:4: not CSV: a quote or a line break is out of place"),
        ("id,label\n1,yes\n", f"file:2: {LABEL}"),
        ("id,label\n-1,1\n", "file:2: `id`: expected a whole number from 1"),
        ("id,label\n,1\n", "file:2: `id`: missing; expected the number of a finding"),
        ('{"id":1,"label":1}\n[1]\n', "file:2: expected a JSON object on one line"),
        ('{"id":1,"label":1}\n{"id":\n', "file:2: expected a JSON object on one line"),
        ('{"id":1}', f"file:1: {LABEL}"),
        ('{"id":1,"label":true}', f"file:1: {LABEL}"),
        ('{"id":1,"label":[1]}', f"file:1: {LABEL}"),
        ('{"id":1.5,"label":1}', "file:1: `id`: expected a whole number from 1"),
        ('{"id":true,"label":1}', "file:1: `id`: expected a whole number from 1"),
        ('{"id":9223372036854775808,"label":1}', "file:1: `id`: expected a whole number from 1"),
        ('{"id":1,"label":1,"labelled_at_ms":-5}', "file:1: `labelled_at_ms`: expected a whole number from 0"),
        ('{"id":1,"label":1,"labelled_by":7}', "file:1: `labelled_by`: expected a text of at most 100 characters"),
        (
            json.dumps({"id": 1, "label": 1, "note": "x" * 2_001}),
            "file:1: `note`: expected a text of at most 2000 characters",
        ),
        ('{"id":1,"label":1}\n\n{"id":1,"label":0}', "file:3: finding 1 has a label on line 1 already"),
        (b'{"id":1,"label":1}\n{"id":2,"label":1,"note":"\xff"}', "file:2: bytes that are not UTF-8"),
    ],
)
def test_a_mistake_is_told_with_its_line(content: str | bytes, problem: str) -> None:
    """One sentence; what the file holds is not repeated."""
    assert problems(content) == [problem]


def test_all_mistakes_are_told_at_once() -> None:
    """Up to a number."""
    told = problems("id,label\n" + "x,1\n" * 20)
    assert told[:2] == [f"file:{line}: `id`: expected a whole number from 1" for line in (2, 3)]
    assert told[PROBLEMS_MAX:] == ["and 10 more problems"]


def test_a_file_that_is_too_large() -> None:
    """Before it is parsed."""
    assert problems(b" " * (FILE_BYTES_MAX + 1)) == [f"file: larger than {FILE_BYTES_MAX} bytes; split it"]


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))
    with contextlib.closing(Store("sqlite:///review.db", tmp_path)) as opened:
        yield opened


@pytest.fixture
def run() -> Callable[..., Result]:
    """Runs a command of ``review``."""

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["review", arguments[0], "-c", "config.yaml", *arguments[1:]], input=typed)

    return run


def labels_of(store: Store) -> list[Any]:
    """The last label of each finding."""
    return [(stored.id, label) for stored, label in store.find_all(FindingQuery())]


def test_an_export_adds_nothing_to_its_store(store: Store, run: Callable[..., Result], tmp_path: Path) -> None:
    """Into the same store nothing is added."""
    run("label", "2", "3", "reject", "--by", "bob", "--note", "it is a quote")
    exported = run("export", "--with-unlabelled").stdout
    labeled = labels_of(store)
    (tmp_path / "labels.jsonl").write_text(exported)
    again = run("import", "labels.jsonl")
    assert (again.exit_code, again.stdout) == (0, "0 labels added\n3 labels were there already\n")
    assert labels_of(store) == labeled


def test_labels_come_from_standard_input(store: Store, run: Callable[..., Result]) -> None:
    """As in a pipe, with who labels."""
    done = run("import", "-", "--by", "cid", typed="id,label\n2,confirm\n3,\n")
    assert (done.exit_code, done.stdout) == (0, "1 labels added\n1 lines have no label\n")
    label = store.get(2)[1][0]
    assert (label.verdict, label.by) == (RIGHT, "cid")


def test_a_finding_that_is_gone_stops_the_import(store: Store, run: Callable[..., Result], tmp_path: Path) -> None:
    """With its line; unless such findings are to be skipped."""
    (tmp_path / "old.csv").write_text("id,label\n2,1\n98,0\n99,0\n")
    refused = run("import", "old.csv")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "no such finding: 98 (old.csv:3), 99 (old.csv:4). Nothing was stored;" in refused.stderr
    assert store.get(2)[1] == []
    done = run("import", "old.csv", "--skip-missing")
    assert (done.exit_code, done.stdout) == (0, "1 labels added\n2 findings are not in this store\n")


def test_the_labels_of_another_store_are_refused(store: Store, run: Callable[..., Result], tmp_path: Path) -> None:
    """Its numbers are those of other findings."""
    (tmp_path / "theirs.jsonl").write_text('{"id":2,"label":1,"exchange":"b"}\n{"id":3,"label":1,"exchange":"z"}\n')
    refused = run("import", "theirs.jsonl")
    assert refused.exit_code == 2
    assert refused.stderr == (
        "theirs.jsonl:2: finding 3 has another exchange in this store. Are these labels of another store?"
        " Nothing was stored.\n"
    )
    assert store.get(2)[1] == []
