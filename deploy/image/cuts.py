"""Removes from an installed environment what none of our commands reads: ``python cuts.py ENVIRONMENT``.

The image carries what is left, and its bill of materials lists that. Each cut has its reason, and must find something:
a cut that finds nothing fails the build, so that the list follows the packages. Runs in the image's build, so it needs
Python and ``strip`` alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple


class Cut(NamedTuple):
    """Attributes:
    pattern: what goes, as a glob below the installed packages.
    reason: why none of our commands needs it.
    keep: names that stay, of those that the pattern finds.
    """

    pattern: str
    reason: str
    keep: frozenset[str] = frozenset()


DISTRIBUTIONS: Final = {
    "setuptools": "builds packages",
    "aiohttp": "HTTP of kubernetes.aio",
    "aiohttp-retry": "retries of kubernetes.aio",
    "aiohappyeyeballs": "of aiohttp",
    "aiosignal": "of aiohttp",
    "attrs": "of aiohttp",
    "frozenlist": "of aiohttp",
    "multidict": "of aiohttp",
    "propcache": "of aiohttp",
    "yarl": "of aiohttp",
}
"""Whole packages of the lock, with the reason: the rest of the lock works without them."""

_OF_DISTRIBUTIONS: Final = {
    "setuptools": ("setuptools", "_distutils_hack", "distutils-precedence.pth"),
    "attrs": ("attr", "attrs"),
}
"""Their files, where the package is not named as the distribution."""

CUTS: Final = (
    Cut("kubernetes/aio", "the client for asyncio: we use the other one, in a process of its own"),
    Cut(
        "kubernetes/client/api/*.py",
        "one module for each API group; we read and write objects by their path",
        frozenset({"__init__.py", "custom_objects_api.py"}),
    ),
    Cut(
        "kubernetes/client/models/*.py",
        "one class for each kind of object; we read objects as JSON",
        frozenset(
            {
                "__init__.py",
                "v1_api_resource.py",
                "v1_api_resource_list.py",
                "v1_delete_options.py",
                "v1_preconditions.py",
            }
        ),
    ),
    Cut("numpy/f2py", "compiles Fortran"),
    Cut("**/tests", "tests of packages"),
    Cut("alembic/testing", "helpers for tests"),
    Cut("mako/testing", "helpers for tests"),
    Cut("sqlalchemy/testing", "helpers for tests"),
    Cut("**/*.pyi", "types, for checkers"),
    Cut("**/*.a", "static libraries, for compilers"),
    Cut("**/*.h", "headers, for compilers"),
    Cut("**/*.pxd", "headers, for Cython"),
    Cut("**/*.pyx", "sources of what is compiled"),
    Cut("**/*.c", "sources of what is compiled"),
)
PROGRAMS: Final = frozenset({"extproc", "python", "python3"})
"""Of the environment's ``bin``, besides the interpreter by its version."""
_DEBUG_SECTION: Final = b".debug_info\0"


class CutFoundNothing(Exception):
    """A cut is out of date. The message names it."""


def packages_of(environment: Path) -> Path:
    """The folder of installed packages. Raises: CutFoundNothing: there is none."""
    found = sorted(environment.glob("lib/python3.*/site-packages"))
    if len(found) != 1:
        raise CutFoundNothing(f"{environment} is no virtual environment: it has {len(found)} folders site-packages.")
    return found[0]


def files_of(distribution: str, packages: Path) -> list[Path]:
    """What a distribution has at the top level. Raises: CutFoundNothing: a part of it is not there."""
    name = distribution.replace("-", "_")
    tops = [packages / top for top in _OF_DISTRIBUTIONS.get(distribution, (name,))]
    about = list(packages.glob(f"{name}-*.dist-info"))
    missing = [top.name for top in tops if not top.exists()] + ([] if about else [f"{name}-*.dist-info"])
    if missing:
        raise CutFoundNothing(
            f"{distribution} is to be cut, but {', '.join(missing)} is not installed. "
            "Correct DISTRIBUTIONS in deploy/image/cuts.py."
        )
    return [*tops, *about]


def found_by(cut: Cut, packages: Path) -> list[Path]:
    """What a cut removes. Raises: CutFoundNothing."""
    found = [path for path in sorted(packages.glob(cut.pattern)) if path.name not in cut.keep]
    if not found:
        raise CutFoundNothing(
            f"Nothing is named {cut.pattern} ({cut.reason}). Take it out of CUTS in deploy/image/cuts.py, "
            "or correct the name."
        )
    return found


def cut(environment: Path) -> None:
    """Remove all of it. Raises: CutFoundNothing."""
    packages = packages_of(environment)
    for name in DISTRIBUTIONS:
        _remove(files_of(name, packages))
    for each in CUTS:
        _remove(found_by(each, packages))
    programs = (environment / "bin").iterdir()
    _remove([one for one in programs if one.name not in PROGRAMS and not one.name.startswith("python3.")])
    for library in with_debug_sections(packages):
        subprocess.run(["strip", "--strip-unneeded", library], check=True)


def with_debug_sections(packages: Path) -> Iterator[Path]:
    """Libraries with what only a debugger reads; those that were patched after linking have none, and stay whole."""
    for library in sorted(packages.rglob("*.so")):
        if _DEBUG_SECTION in library.read_bytes():
            yield library


def _remove(paths: list[Path]) -> None:
    """A path below another one of the list is gone with that."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def main() -> int:
    """Cut the environment that the command line names. Returns: 1 if a cut is out of date."""
    try:
        cut(Path(sys.argv[1]))
    except CutFoundNothing as stale:
        print(stale, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
