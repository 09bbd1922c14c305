"""The steps of the Dockerfile are read as Docker reads them, as far as `make image-check` runs them."""

from __future__ import annotations

import pytest

from tests.tools.image_check import CONFIG, DOCKERFILE, Instruction, Stage, instructions


def test_lines_that_go_on_are_one_instruction() -> None:
    """Without comments and empty lines."""
    text = "# one\nFROM a AS b\nRUN x && \\\n    y\n\nUSER 1:1\n"
    assert list(instructions(text)) == [
        Instruction("FROM", "a AS b"),
        Instruction("RUN", "x &&      y"),
        Instruction("USER", "1:1"),
    ]


def test_the_dockerfile_has_no_step_that_is_not_run() -> None:
    """A name that the check does not know would end it."""
    known = {"FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "ENTRYPOINT", "CMD"}
    assert {one.name for one in instructions(DOCKERFILE.read_text())} <= known


@pytest.mark.parametrize(
    ("words", "found"),
    [("LICENSE ./", "src/LICENSE"), ("LICENSE /a/", "a/LICENSE"), ("LICENSE /b", "b"), ("protos protos", "src/protos")],
)
def test_copies_land_where_docker_puts_them(words: str, found: str, tmp_path: object) -> None:
    """A file into a folder, or under another name; of a folder what is in it."""
    stage = Stage(tmp_path)  # type: ignore[arg-type]
    stage.folder = "/src"
    stage.copy(words, {})
    assert (stage.root / found).exists()
    assert not (stage.root / found / "protos").exists()


def test_the_configuration_of_the_check_is_valid() -> None:
    """Its braces are those of the format."""
    assert "{ filter: meter }" in CONFIG.format(grpc=1, metrics=2)
