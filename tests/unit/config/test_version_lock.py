"""A lock file says what each version was when it was locked; whatever else it says is refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.version_lock import LOCK_BYTES_MAX, LockInvalid, lock_text, parse_lock, unlocked

NAMES = st.text(max_size=6)
PARTS = st.dictionaries(NAMES, st.text(max_size=6), max_size=3)
VERSIONS = st.dictionaries(NAMES, PARTS, max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["versions", "parts", "a"]), inner),
    max_leaves=8,
)


@given(versions=VERSIONS, later=VERSIONS)
def test_what_is_locked_is_read_back(versions: dict[str, dict[str, str]], later: dict[str, dict[str, str]]) -> None:
    """Any text in any part; nothing is unlocked then, and later each version that is new or has changed."""
    locked = parse_lock(lock_text(versions).encode(), "config.lock")
    assert locked == versions
    assert list(unlocked(versions, locked)) == []
    found = {one.version: one.problem for one in unlocked(later, locked)}
    assert found == {
        name: "changed" if name in versions else "not locked"
        for name, parts in later.items()
        if versions.get(name) != parts
    }


@given(content=JSON)
def test_a_file_of_something_else_is_refused(content: object) -> None:
    """Never read as if no version were locked, and never another error."""
    with contextlib.suppress(LockInvalid):
        locked = parse_lock(json.dumps(content).encode(), "config.lock")
        assert isinstance(content, dict)
        assert locked.keys() == content["versions"].keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no lock file. `extproc versions lock` writes one."),
        (b"\xff\xfe", "is no lock file. `extproc versions lock` writes one."),
        (b"<html>", "is no lock file. `extproc versions lock` writes one."),
        (b"[" * 200_000, "is no lock file. `extproc versions lock` writes one."),
        (b" " * (LOCK_BYTES_MAX + 1), "is longer than 16,777,216 bytes, so it is no lock file."),
    ],
    ids=["empty", "binary", "html", "deep", "long"],
)
def test_each_bad_file_has_its_error(content: bytes, message: str) -> None:
    """What is wrong, and the command that helps."""
    with pytest.raises(LockInvalid) as raised:
        parse_lock(content, "config.lock")
    assert str(raised.value) == f"config.lock {message}"
