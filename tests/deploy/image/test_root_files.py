"""The image's root has what its programs are linked to, and no program besides."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.image import root_files
from deploy.image.root_files import (
    UID,
    LibraryMissing,
    Root,
    compile_modules,
    gather,
    is_linked,
    libraries,
    packages_of,
)

pytestmark = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="the image's base is Debian")
PYTHON = Path(sys.executable).resolve()
UNCHECKED_HASH = b"\x01\0\0\0"
"""The flags of a compiled module whose source is not looked at."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an empty environment of this interpreter."""
    folder = tmp_path_factory.mktemp("image")
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    gather(environment, folder / "root")
    return folder / "root"


def test_it_has_the_interpreter_and_no_other_program(root: Path) -> None:
    """Neither a shell nor what installs packages."""
    folders = [folder for name in ("bin", "sbin") for folder in root.rglob(name) if folder.is_dir()]
    names = {file.name for folder in folders for file in folder.iterdir() if not folder.is_relative_to(root / "tmp")}
    assert names
    assert [name for name in names if not name.lower().startswith(("python", "activate"))] == []


def test_its_user_has_a_name_and_tmp_is_for_all(root: Path) -> None:
    """As `getpass` and temporary files need."""
    assert f"nonroot:x:{UID}:{UID}:" in (root / "etc/passwd").read_text()
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (root / "etc/llm-extproc").is_dir()


def test_scanners_find_the_packages_and_their_licenses(root: Path) -> None:
    """One record for each package of Debian that a file is from."""
    records = list((root / root_files.RECORDS).iterdir())
    assert "libc6" in {file.name for file in records}
    assert [file for file in records if f"Package: {file.name}\n" not in file.read_text()] == []
    assert [file for file in records if not (root / "usr/share/doc" / file.name / "copyright").is_file()] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_python_runs_in_it(root: Path) -> None:
    """As the image's user: modules that are linked to libraries, and certificates by the image's variable."""
    program = (
        "import bz2, ctypes, hashlib, lzma, multiprocessing, os, pwd, sqlite3, ssl, uuid, zlib\n"
        "assert hashlib.new('sha256') and sqlite3.connect(':memory:')\n"
        "print(pwd.getpwuid(os.getuid()).pw_name, ssl.create_default_context().cert_store_stats()['x509_ca'] > 50)"
    )
    chroot = shutil.which("chroot", path="/usr/sbin:/usr/bin")
    assert chroot is not None
    result = subprocess.run(
        [chroot, f"--userspec={UID}:{UID}", root, root.parent / "environment" / "bin" / "python", "-c", program],
        env={"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout, result.stderr) == ("nonroot True\n", "")


def test_a_link_is_taken_with_all_that_it_leads_to(tmp_path: Path) -> None:
    """Relative and absolute ones, under the paths that they have."""
    there = tmp_path / "there"
    there.mkdir()
    (there / "library.so.1.2").write_text("x")
    (there / "library.so.1").symlink_to("library.so.1.2")
    (there / "library.so").symlink_to(there / "library.so.1")
    into = Root(tmp_path / "root")
    into.take(there / "library.so")
    names = ["library.so", "library.so.1", "library.so.1.2"]
    assert sorted(file.name for file in into.place(there).iterdir()) == names
    assert sorted(file.name for file in into.taken) == names
    assert into.place(there / "library.so").readlink() == there / "library.so.1"


def test_libraries_are_those_that_the_loader_would_open() -> None:
    """The loader and the C library among them."""
    found = libraries([PYTHON])
    assert {"libc.so.6", "libgcc_s.so.1"} <= {path.name for path in found}
    assert any(path.name.startswith("ld-linux") for path in found)
    assert all(is_linked(path.resolve()) for path in found)
    assert not is_linked(Path(__file__))


def test_a_library_that_the_base_does_not_have_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not first by a pod that cannot start."""
    loader = tmp_path / "ldd"
    loader.write_text("#!/bin/sh\nprintf '\\tlibodd.so.1 => not found\\n'\n")
    loader.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(LibraryMissing, match=r"A package needs libodd\.so\.1, which the base image does not have"):
        libraries([PYTHON])


def test_what_dpkg_did_not_install_has_no_package(tmp_path: Path) -> None:
    """Such as Python in the image of Python."""
    (tmp_path / "file").touch()
    assert packages_of([tmp_path / "file"]) == []
    assert packages_of([Path("/usr/bin/env")]) == ["coreutils"]


def test_modules_are_compiled_whatever_the_times_of_files_are(tmp_path: Path) -> None:
    """And tell of the path that they have in the image."""
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "one.py").write_text("def where():\n    return where.__code__.co_filename\n")
    compile_modules(tmp_path, [tmp_path / "opt"])
    (compiled,) = (tmp_path / "opt" / "__pycache__").iterdir()
    content = compiled.read_bytes()
    assert content[4:8] == UNCHECKED_HASH
    assert b"/opt/one.py" in content
    assert str(tmp_path).encode() not in content
