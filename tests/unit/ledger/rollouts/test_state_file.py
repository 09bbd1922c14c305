"""The file of rollouts: what is written is read, and what is wrong with another one is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.rollouts import RolloutShare
from extproc.ledger.rollouts.state_file import (
    ROLLOUT_FILE,
    ROLLOUT_FILE_BYTES_MAX,
    RolloutFileUnusable,
    parse_rollout_file,
    share_of_json,
    share_to_json,
    write_rollout_file,
)
from tests.unit.rollouts import share_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
SHARES = st.builds(
    RolloutShare,
    *(NAMES, NAMES, NAMES, NAMES, TEXTS, TEXTS),
    *(st.none() | st.integers(0, 10**6), st.none() | st.integers(0, 10**6)),
    *(st.lists(TEXTS, max_size=3).map(tuple), st.integers(0, 99), st.floats(0, 1), st.booleans()),
).filter(lambda one: one.stable != one.canary)
SEVERAL = st.lists(SHARES, max_size=3, unique_by=lambda one: one.id).map(tuple)


@given(SEVERAL)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, shares: tuple[RolloutShare, ...]) -> None:
    """To the last bit of a share, by a file and by a link."""
    folder = tmp_path_factory.mktemp("spool")
    write_rollout_file(folder, shares)
    assert parse_rollout_file((folder / ROLLOUT_FILE).read_bytes()) == shares
    assert tuple(share_of_json(json.loads(json.dumps(share_to_json(one)))) for one in shares) == shares


def test_only_another_file_replaces_the_one_before(tmp_path: Path) -> None:
    """As a whole, for nobody but this user, and nothing else is left in the folder."""
    file = tmp_path / ROLLOUT_FILE
    assert write_rollout_file(tmp_path, [share_of()])
    before = file.stat()
    assert not write_rollout_file(tmp_path, [share_of()])
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert write_rollout_file(tmp_path, [share_of(share=0.1)])
    assert parse_rollout_file(file.read_bytes()) == (share_of(share=0.1),)
    assert [one.name for one in tmp_path.iterdir()] == [ROLLOUT_FILE]
    assert file.stat().st_mode & 0o077 == 0


def text_of(tmp_path: Path) -> bytes:
    """A file that is as it should be."""
    write_rollout_file(tmp_path, [share_of(), share_of(id="ro-2")])
    return (tmp_path / ROLLOUT_FILE).read_bytes()


def test_no_part_of_a_file_is_taken_for_one(tmp_path: Path) -> None:
    """Cut anywhere."""
    text = text_of(tmp_path)
    for end in range(len(text)):
        with pytest.raises(RolloutFileUnusable, match="it is no JSON"):
            parse_rollout_file(text[:end])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "another release wrote it"),
        ({"rollouts": None}, "`rollouts` is no list"),
        ({"rollouts": [1]}, "rollouts[0] has not the keys of a rollout"),
        ({"rollouts": [{}]}, "rollouts[0] has not the keys of a rollout"),
        ({"rollouts": [share_to_json(share_of())] * 2}, "two rollouts have the same id"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    """Exactly."""
    with pytest.raises(RolloutFileUnusable) as unusable:
        parse_rollout_file(json.dumps({**json.loads(text_of(tmp_path)), **change}).encode())
    assert str(unusable.value) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": 1}, "model is no text"),
        ({"canary": ""}, "canary is empty"),
        ({"canary_fingerprint": None}, "canary_fingerprint is no text"),
        ({"teams": "search"}, "teams is no list of texts"),
        ({"teams": [1]}, "teams is no list of texts"),
        ({"step": -1}, "step is no whole number from 0 on"),
        ({"stable_weight": 1.5}, "stable_weight is no whole number"),
        ({"step": True}, "step is no whole number from 0 on"),
        ({"share": 1.01}, "share is no number from 0 to 1"),
        ({"share": -0.1}, "share is no number from 0 to 1"),
        ({"share": True}, "share is no number from 0 to 1"),
        ({"share": None}, "share is no number from 0 to 1"),
        ({"measures": 1}, "measures is neither true nor false"),
        ({"canary": "a"}, "stable and canary are the same version"),
    ],
)
def test_what_is_wrong_with_a_rollout_is_told(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    """One of them, and nothing counts."""
    tree = json.loads(text_of(tmp_path))
    tree["rollouts"][1] |= change
    with pytest.raises(RolloutFileUnusable) as unusable:
        parse_rollout_file(json.dumps(tree).encode())
    assert str(unusable.value) == f"rollouts[1].{reason}"


@given(
    st.binary(max_size=40) | st.recursive(st.none() | st.integers() | TEXTS, st.lists).map(json.dumps).map(str.encode)
)
def test_any_bytes_are_told(text: bytes) -> None:
    """Never another exception."""
    with pytest.raises(RolloutFileUnusable):
        parse_rollout_file(text)


def test_a_file_without_end_is_told() -> None:
    """It is read up to a byte above its maximum."""
    with pytest.raises(RolloutFileUnusable, match=f"more than {ROLLOUT_FILE_BYTES_MAX} bytes"):
        parse_rollout_file(b" " * (ROLLOUT_FILE_BYTES_MAX + 1))
