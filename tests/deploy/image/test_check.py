"""`make image-check`: steps are read as Docker reads them, and what is in an image is seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.image.licenses import DEBIAN
from tests.tools.image_check.__main__ import IMAGE_MB_MAX, MEMORY_MB_MAX, READY_S_MAX
from tests.tools.image_check.dockerfile import DOCKERFILE, Instruction, Stage, begun, instructions
from tests.tools.image_check.figures import (
    INTERPRETER,
    LIBRARIES,
    PROJECT,
    RECORDS,
    REPORT,
    bill_problems,
    compressed_bytes,
    large_parts_mb,
    programs,
    read,
    sizes_by_part,
    written,
)
from tests.tools.image_check.running import CONFIG, command


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
    known = {"ARG", "FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "ENTRYPOINT", "CMD"}
    assert {one.name for one in instructions(DOCKERFILE.read_text())} <= known


@pytest.mark.parametrize(
    ("words", "found"),
    [("LICENSE ./", "src/LICENSE"), ("LICENSE /a/", "a/LICENSE"), ("LICENSE /b", "b"), ("protos protos", "src/protos")],
)
def test_copies_land_where_docker_puts_them(words: str, found: str, tmp_path: Path) -> None:
    """A file into a folder, or under another name; of a folder what is in it."""
    stage = Stage(tmp_path)
    stage.folder = "/src"
    stage.copy(words, {})
    assert (stage.root / found).exists()
    assert not (stage.root / found / "protos").exists()


def test_a_stage_begins_as_its_base_or_empty(tmp_path: Path) -> None:
    """By an argument or a name."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "python").touch()
    name, stage = begun("${IMAGE} AS build", tmp_path, tmp_path / "base", {"IMAGE": "python:3"})
    assert (name, [file.name for file in stage.root.iterdir()]) == ("build", ["python"])
    name, stage = begun("scratch", tmp_path, tmp_path / "base", {})
    assert (name, list(stage.root.iterdir())) == ("", [])


def test_the_configuration_of_the_check_is_valid() -> None:
    """Its braces are those of the format."""
    assert "{ filter: meter }" in CONFIG.format(grpc=1, metrics=2)


def test_nothing_of_this_machine_reaches_the_program(tmp_path: Path) -> None:
    """Its environment is the image's, its root is read-only, and no shell of the image is needed."""
    stage = Stage(tmp_path / "root")
    stage.environment, stage.user, stage.entry = {"A": "b c"}, "1:2", ["/bin/x"]
    script = command(stage, ["serve"])[-1]
    assert "remount,bind,ro" in script
    assert "env -i HOME=/ 'A=b c' " in script
    assert script.endswith(f"--userspec=1:2 {tmp_path}/root /bin/x serve")
    assert "/tmp" not in command(stage, ["serve"], with_tmp=False)[-1].replace(str(tmp_path), "")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small image."""
    root = tmp_path / "root"
    packages = root / "opt/llm-extproc/lib/python3.13/site-packages"
    files = {
        packages / "rich/a.py": 10,
        packages / "rich/__pycache__/a.cpython-313.pyc": 20,
        packages / "extproc/b.py": 5,
        packages / "rich-1.dist-info/METADATA": 0,
        root / "usr/lib/python3.13/os.py": 30,
        root / "usr/lib/x86_64-linux-gnu/libc.so.6": 40,
        root / "usr/bin/python3.13": 50,
        root / "etc/passwd": 6,
        root / "var/lib/dpkg/status.d/libc6": 0,
    }
    for file, size in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
    (packages / "rich-1.dist-info/METADATA").write_text("Name: rich\nVersion: 1\n")
    (packages / "rich-1.dist-info/RECORD").write_text("rich/a.py,,\nrich-1.dist-info/METADATA,,\n")
    return root


def test_each_file_is_of_one_part(root: Path) -> None:
    """A compiled module is of the package of its source; what nobody lists is ours."""
    sizes = sizes_by_part(root)
    assert (sizes["rich"], sizes[INTERPRETER], sizes[LIBRARIES], sizes[RECORDS]) == (52, 80, 40, 6)
    assert sum(sizes.values()) == sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    assert PROJECT in sizes


def test_small_parts_are_told_together() -> None:
    """And none is lost."""
    sizes = {"numpy": 2_040_000, "a": 300_000, "b": 200_000}
    assert large_parts_mb(sizes) == {"numpy": 2.0, "2 smaller ones": 0.5}


def test_a_shell_would_be_seen(root: Path) -> None:
    """Wherever programs stand."""
    assert programs(root) == ["python3.13"]
    (root / "usr/local/bin").mkdir(parents=True)
    (root / "usr/local/bin/sh").touch()
    assert programs(root) == ["python3.13", "sh"]


@pytest.mark.parametrize("gone", ["rich", "libc6", "python"])
def test_what_the_bill_lacks_is_named(gone: str, root: Path) -> None:
    """A package of Python, one of Debian, and Python itself."""
    bill: dict[str, Any] = {"components": [{"name": name} for name in ("rich", "libc6", "python") if name != gone]}
    assert bill_problems(bill, root) == [f"the bill of materials lacks {gone}"]


def test_a_layer_is_smaller_than_its_files(root: Path) -> None:
    """What is mounted does not count."""
    (root / "big").write_bytes(bytes(1_000_000))
    assert 100 < (small := compressed_bytes(root)) < 20_000
    (root / "proc").mkdir()
    (root / "proc" / "noise").write_bytes(bytes(range(256)) * 8_000)
    assert compressed_bytes(root) < small + 1_000


# --- the report that pages quote -----------------------------------------------------------------------------------


def test_the_report_is_as_it_is_written() -> None:
    """`make image-check ARGS=--write` writes it, and nobody else."""
    assert written(read(REPORT.read_text())) == REPORT.read_text()


def test_the_report_is_within_the_limits_of_the_check() -> None:
    """Its parts are the whole, and each package of Debian has a license."""
    figures = read(REPORT.read_text())
    assert 0 < figures.ready_s <= READY_S_MAX
    assert 0 < figures.compressed_mb < figures.image_mb <= IMAGE_MB_MAX
    assert 0 < figures.memory_mb <= MEMORY_MB_MAX
    assert figures.compiled > 100
    assert sum(figures.parts_mb.values()) == pytest.approx(figures.image_mb, abs=1.5)
    assert sorted(DEBIAN) == figures.debian
    assert json.loads(REPORT.read_text())["machine"]
