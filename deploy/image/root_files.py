"""Gathers the image's root file system: ``python root_files.py ENVIRONMENT ROOT``.

It has the interpreter that runs this, its standard library, the environment, the shared libraries that these are
linked to, certificates and a user: no shell, no package manager. For each Debian package that a file is from it keeps
the record and the license where scanners look for them. Modules are compiled, since the file system is read-only at
run time.
"""

from __future__ import annotations

import compileall
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

UID: Final = 65532
"""Of the image's user, as in distroless images."""
LEFT_OUT: Final = (
    "__pycache__",
    "config-3.*",  # what embeds Python
    "dist-packages",
    "ensurepip",
    "idlelib",
    "pydoc_data",
    "site-packages",
    "sitecustomize.py",  # Debian's, for reports of crashes
    "_curses*",  # with the three below: what would bring GNU readline (GPL-3.0) and Berkeley DB into the image
    "_dbm.*",
    "_gdbm.*",
    "readline.*",
    "_test*",
    "_tkinter.*",
    "test",
    "tkinter",
    "turtle.py",
    "turtledemo",
    "venv",
)
"""Of the standard library: what none of our commands imports."""
DATA: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/openssl.cnf", "/etc/ld.so.cache", "/usr/lib/os-release")
"""Files that are looked for by their path, copied where they exist."""
DLOPENED: Final = ("libgcc_s.so.1",)
"""Libraries that glibc opens when a thread is canceled."""
WRITTEN: Final = {
    "etc/passwd": f"root:x:0:0:root:/:/nologin\nnonroot:x:{UID}:{UID}:nonroot:/:/nologin\n",
    "etc/group": f"root:x:0:\nnonroot:x:{UID}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
FOLDERS: Final = {"tmp": 0o1777, "etc/llm-extproc": 0o755}
RECORDS: Final = "var/lib/dpkg/status.d"
"""Where scanners read the packages of an image without dpkg."""
_MAGIC: Final = b"\x7fELF"
_LINKED: Final = re.compile(r"^\t(?:(\S+) => )?(/\S+|not found)", re.MULTILINE)


class LibraryMissing(Exception):
    """The message names the library."""


class Root:
    """The root file system as it grows."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.taken: set[Path] = set()

    def place(self, path: Path) -> Path:
        """Where a path of this machine lies in the root."""
        return self.root / path.relative_to("/")

    def take(self, path: Path) -> None:
        """Copy a file under its path; of links the whole chain."""
        path = path.parent.resolve() / path.name
        if path in self.taken:
            return
        self.taken.add(path)
        target = self.place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            shutil.copy2(path, target, follow_symlinks=False)
        if path.is_symlink():
            self.take(path.parent / path.readlink())

    def take_tree(self, folder: Path, left_out: Iterable[str] = ()) -> None:
        """Copy a folder, but for some names."""
        shutil.copytree(
            folder, self.place(folder), symlinks=True, ignore=shutil.ignore_patterns(*left_out), dirs_exist_ok=True
        )
        files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        self.taken.update(path for path in files if self.place(path).exists())

    def write(self, name: str, text: str) -> None:
        """A file of our own."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def gather(environment: Path, root: Path) -> None:
    """Fill an empty folder. Raises: LibraryMissing."""
    into = Root(root)
    for name in ("lib", "lib64"):  # merged into /usr: programs name their loader by the short path
        if (link := Path("/", name)).is_symlink():
            root.mkdir(parents=True, exist_ok=True)
            into.place(link).symlink_to(link.readlink())
    into.take_tree(Path(sysconfig.get_path("stdlib")), LEFT_OUT)
    into.take_tree(environment)
    for one in (environment / "bin").iterdir():
        if one.is_symlink():
            into.take(one)
    for library in libraries(one for one in into.taken if is_linked(one)):
        into.take(library)
    for file in filter(Path.exists, map(Path, DATA)):
        into.take(file)
    for name, text in WRITTEN.items():
        into.write(name, text)
    for name, mode in FOLDERS.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    _record_packages(into)
    compile_modules(root, [into.place(Path(sysconfig.get_path("stdlib"))), into.place(environment)])


def is_linked(path: Path) -> bool:
    """Whether it is a program or a shared library."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def libraries(programs: Iterable[Path]) -> set[Path]:
    """What programs and libraries are linked to, by ``ldd``. Raises: LibraryMissing."""
    names = [str(path) for path in sorted(programs)]
    said = subprocess.run(["ldd", *names], capture_output=True, text=True, check=False).stdout
    found = set()
    for name, path in _LINKED.findall(said):
        if path == "not found":
            raise LibraryMissing(f"A package needs {name}, which the base image does not have. Install it there.")
        found.add(Path(path))
    folders = {path.parent.resolve() for path in found}
    return found | {path for folder in folders for name in DLOPENED if (path := folder / name).exists()}


def compile_modules(root: Path, folders: Iterable[Path]) -> None:
    """Compile for a file system on which times of files may be set again: sources are not looked at."""
    for folder in folders:
        compileall.compile_dir(
            folder,
            quiet=2,  # a package may carry a template or a module for another Python
            force=True,
            stripdir=root,
            prependdir="/",
            workers=0,
            maxlevels=32,
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )


def packages_of(paths: Iterable[Path]) -> list[str]:
    """The Debian packages that files are from; what was not installed by dpkg has none."""
    names = [str(path) for path in sorted(paths)]
    said = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True, check=False).stdout
    owners = (line.rpartition(": ")[0] for line in said.splitlines() if not line.startswith("diversion "))
    return sorted({name.strip() for each in owners for name in each.split(",")})


def _record_packages(into: Root) -> None:
    for package in packages_of(path for path in into.taken if not path.is_symlink()):
        name = package.partition(":")[0]
        record = subprocess.run(["dpkg-query", "-s", package], capture_output=True, text=True, check=True).stdout
        into.write(f"{RECORDS}/{name}", record)
        if (license_text := Path("/usr/share/doc", name, "copyright")).exists():
            into.write(str(license_text.relative_to("/")), license_text.read_text())


def main() -> int:
    """Gather what the command line names. Returns: 1 if a library is missing."""
    try:
        gather(Path(sys.argv[1]), Path(sys.argv[2]))
    except LibraryMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
