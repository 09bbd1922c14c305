"""Links are followed as the system follows them, but each only once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.server.operations.links import Links

NAMES = st.sampled_from(["a", "b", "c"])
TARGETS = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)


@given(links=st.dictionaries(NAMES, TARGETS, max_size=3), path=TARGETS, is_absolute=st.booleans())
@settings(deadline=None)
def test_a_path_is_resolved_as_the_system_does(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], path: str, is_absolute: bool
) -> None:
    """Whatever links there are: the same path as ``os.path.realpath``, or one that cannot be opened."""
    folder = tmp_path_factory.mktemp("links")
    for name in ("a", "b", "c"):
        if name in links:
            (folder / name).symlink_to(f"{folder}/{links[name]}" if is_absolute else links[name])
        else:
            (folder / name).mkdir()
            for inner in ("a", "b", "c"):
                (folder / name / inner).write_text(name)
    file = folder / path
    resolved = Links().resolve(file)
    assert resolved == os.path.realpath(file) or not (os.path.exists(resolved) or file.exists())


def test_a_link_is_followed_once(tmp_path: Path) -> None:
    """What is resolved later goes the way of the first."""
    for content in ("old", "new"):
        (tmp_path / content).mkdir()
    (tmp_path / "..data").symlink_to("old")
    links = Links()
    first = links.resolve(tmp_path / "..data" / "one")
    (tmp_path / "..data").unlink()
    (tmp_path / "..data").symlink_to("new")
    assert links.resolve(tmp_path / "..data" / "two") == first.replace("one", "two")
    assert Links().resolve(tmp_path / "..data" / "two").endswith("/new/two")
