"""One file a mistake: tests/config/bad/NAME.yaml, and beside it the exact words that a person reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.config.load import decode, parse_document
from extproc.config.problems import ConfigInvalid

BAD = Path(__file__).parents[2] / "config" / "bad"


@pytest.mark.parametrize("name", sorted(file.stem for file in BAD.glob("*.yaml")))
def test_a_mistake_is_told_exactly(name: str) -> None:
    """Each bad file is refused with exactly the lines of its NAME.expected.txt."""
    file = BAD / f"{name}.yaml"
    with pytest.raises(ConfigInvalid) as refused:
        parse_document(decode(file.read_bytes(), file.name), file.name)
    assert f"{refused.value}\n" == (BAD / f"{name}.expected.txt").read_text(encoding="utf-8")


def test_every_mistake_has_its_words() -> None:
    """No expectation stands without its file, and none of the folder is lost."""
    files = {file.stem for file in BAD.glob("*.yaml")}
    assert files == {file.name.removesuffix(".expected.txt") for file in BAD.glob("*.expected.txt")}
    assert len(files) >= 25
