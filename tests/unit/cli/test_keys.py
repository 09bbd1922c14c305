"""``extproc keys``: the file is changed at one place, and a key is shown once."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.keys_file import HEADING, with_changed, with_key
from extproc.config.api_keys import parse_api_keys
from extproc.domain.api_keys import hash_of, is_mistyped

HASH = "sha256:" + "0" * 64
WRITTEN = f"""\
# Keys of the search gateway.
keys:
    # the index
    - id: search-1   # of the batch job
      hash: {HASH}
      team: search
    - {{ id: hr-1, hash: "sha256:{"1" * 64}", team: hr }}  # on paper
# end
"""


def run(*arguments: str) -> Result:
    """One command."""
    return CliRunner().invoke(app, ["keys", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of keys that somebody wrote."""
    file = tmp_path / "keys.yaml"
    file.write_text(WRITTEN)
    file.chmod(0o640)
    return file


def test_a_new_file_is_the_owners(tmp_path: Path) -> None:
    """The key is printed once, alone; the file has its hash, and nobody else may read it."""
    file = tmp_path / "new.yaml"
    ran = run("add", "--team", "search", "-k", str(file))
    assert ran.exit_code == 0
    key = ran.stdout.strip()
    assert not is_mistyped(key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (known,) = parse_api_keys(file.read_text(), "k")
    assert (known.id, known.team, known.hash) == ("search-1", "search", hash_of(key))
    assert key not in file.read_text() + ran.stderr
    assert os.listdir(tmp_path) == ["new.yaml"]


def test_a_key_is_added_at_the_end(file: Path) -> None:
    """What somebody wrote stays, and so does the mode."""
    options = ("--project", "index", "--budget-code", "b 7", "--tier", "gold", "--may-claim-project", "*")
    ran = run("add", "--team", "search", *options, "--expires", "90d", "-k", str(file), "--json")
    added = json.loads(ran.stdout)["added"]
    lines = file.read_text().splitlines()
    assert lines[:7] == WRITTEN.splitlines()[:7]
    assert lines[-1] == "# end"
    assert lines[7:9] == ["    - id: search-2", f"      hash: {hash_of(json.loads(ran.stdout)['key'])}"]
    assert (added["project"], added["budget_code"], added["may_claim_projects"]) == ("index", "b 7", ["*"])
    until = datetime.fromisoformat(added["expires"]) - datetime.now(UTC)
    assert timedelta(days=89) < until < timedelta(days=91)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_key_is_revoked_in_its_place(file: Path) -> None:
    """The rest stays; where a comment stood within the entry, that is said."""
    ran = run("revoke", "hr-1", "-k", str(file))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith("hr-1 of team hr is revoked since 20")
    text = file.read_text()
    assert text.startswith(WRITTEN.partition("    - { id: hr-1")[0])
    assert "# on paper" in text
    assert "# end" in text
    ran = run("revoke", "search-1", "-k", str(file))
    assert ran.stderr.endswith("the entry of search-1 was rewritten, without the comments in it.\n")
    assert all(key.revoked for key in parse_api_keys(file.read_text(), "k"))
    before = file.read_text()
    again = run("revoke", "search-1", "-k", str(file))
    assert (again.exit_code, file.read_text()) == (0, before)


def test_a_key_is_rotated_with_a_grace(file: Path) -> None:
    """Both hashes are there until it ends; with none, the one before is gone at once."""
    ran = run("rotate", "search-1", "--grace", "2h", "-k", str(file))
    known = parse_api_keys(file.read_text(), "k")[0]
    assert known.previous is not None
    assert (known.hash, known.previous.hash) == (hash_of(ran.stdout.strip()), HASH)
    assert json.loads(run("list", "-k", str(file), "--json").stdout)["keys"][0]["state"] == "rotated"
    ran = run("rotate", "search-1", "--grace", "0", "-k", str(file))
    known = parse_api_keys(file.read_text(), "k")[0]
    assert (known.hash, known.previous) == (hash_of(ran.stdout.strip()), None)
    run("revoke", "search-1", "-k", str(file))
    assert run("rotate", "search-1", "-k", str(file)).stderr == (
        "The key search-1 is revoked. Make another one with `extproc keys add`.\n"
    )


def test_a_list_has_no_key_in_it(file: Path) -> None:
    """A line each; an empty file says how to fill it."""
    ran = run("list", "-k", str(file))
    assert [line.split()[:2] for line in ran.stdout.splitlines()[1:]] == [["search-1", "search"], ["hr-1", "hr"]]
    assert "0000" not in ran.stdout
    file.write_text("keys: []\n")
    assert run("list", "-k", str(file)).stderr == f"{file} has no keys. `extproc keys add` makes one.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("revoke", "serch-1"), "has no key with this id. Did you mean `search-1`?"),
        (("add", "--team", "=1+1"), "keys[2].team: found text (not shown), expected the name of a team."),
        (("add", "--team", "a", "--id", "hr-1"), "keys[2].id: the id `hr-1` is a duplicate, first on line 7."),
        (("add", "--team", "a", "--budget-code", "x\ny"), "keys[2].budget_code: found text (not shown)"),
        (("add", "--team", "a", "--expires", "soon"), "--expires: 'soon' is not a time; write 90d, 12h, 4w or"),
        (("add", "--team", "a", "--expires", "2020-01-01"), "--expires: '2020-01-01' is over already"),
        (("rotate", "hr-1", "--grace", "1y"), "--grace: '1y' is not a time; write 90d, 12h, 4w or"),
    ],
)
def test_wrong_use_changes_nothing(file: Path, arguments: tuple[str, ...], told: str) -> None:
    """And says what is wrong."""
    ran = run(*arguments, "-k", str(file))
    assert ran.exit_code == 2
    assert told in ran.stderr
    assert (file.read_text(), ran.stdout) == (WRITTEN, "")
    assert len(os.listdir(file.parent)) == 1


def test_a_file_in_short_is_read_and_not_changed(file: Path) -> None:
    """The command says how it would have to be written."""
    file.write_text(f"keys:\n  search: {HASH}\n")
    assert "search" in run("list", "-k", str(file)).stdout
    assert "This command changes a list" in run("add", "--team", "a", "-k", str(file)).stderr


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """Except to ``add``, unless its folder is missing."""
    for arguments in (("list",), ("revoke", "a"), ("rotate", "a"), ("add", "--team", "a")):
        ran = run(*arguments, "-k", str(tmp_path / "none" / "keys.yaml"))
        assert ran.exit_code == 2
        assert "no such file or directory" in ran.stderr


def test_a_link_stays_a_link(file: Path) -> None:
    """What it leads to is replaced."""
    link = file.with_name("link.yaml")
    link.symlink_to(file.name)
    run("revoke", "hr-1", "-k", str(link))
    assert link.is_symlink()
    assert "revoked" in file.read_text()


TEXTS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9 ._/@:+-]{0,20}\Z")
NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._/-]{0,20}\Z")


@given(
    st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=5, unique_by=lambda one: one[0]),
    st.sampled_from([HEADING, "keys: []", "keys: [ ]\n\n# end\n"]),
)
def test_what_is_added_is_what_is_read(entries: list[tuple[str, str]], text: str) -> None:
    """Any names, in any order, with any changed afterwards."""
    for number, (name, project) in enumerate(entries):
        entry = {"id": name, "hash": hash_of(str(number)), "team": name, "project": project}
        text = with_key(text, "k", entry).text
    for name, project in entries:
        text = with_changed(text, "k", name, {"tier": name, "project": None, "budget_code": project}).text
    known = [(key.id, key.team, key.tier, key.project, key.budget_code) for key in parse_api_keys(text, "k")]
    assert known == [(name, name, name, None, project) for name, project in entries]
