"""What the image weighs, part by part, and what is in it that must not be."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from deploy.image import materials

ENVIRONMENT: Final = "opt/llm-extproc"
PROJECT: Final = "llm-extproc"
INTERPRETER: Final = "Python and its standard library"
LIBRARIES: Final = "libraries of Debian"
RECORDS: Final = "certificates, licenses, records"
REPORT: Final = Path(__file__).parents[3] / "deploy" / "image" / "report.json"
"""What the pages say; ``make image-check ARGS=--write`` writes it."""
MB: Final = 1_000_000


class ImageFigures(NamedTuple):
    """Attributes:
    date: when that was measured.
    machine: its architecture.
    image_mb: all files of the image.
    compressed_mb: the same as a layer that is pulled, by gzip.
    ready_s: from the start to readiness, the least of several starts.
    memory_mb: resident, at rest.
    compiled: modules that are compiled.
    packages: installed Python packages.
    debian: packages of Debian that it has files of.
    parts_mb: what each part weighs. Packages stand with their name.
    """

    date: str
    machine: str
    image_mb: float
    compressed_mb: float
    ready_s: float
    memory_mb: float
    compiled: int
    packages: int
    debian: list[str]
    parts_mb: dict[str, float]


def written(figures: ImageFigures) -> str:
    """As the report has them."""
    return json.dumps(figures._asdict(), indent=2) + "\n"


def read(text: str) -> ImageFigures:
    """What was written."""
    return ImageFigures(**json.loads(text))


def packages_folder(root: Path) -> Path:
    """Where Python packages are installed."""
    (found,) = (root / ENVIRONMENT).glob("lib/python3.*/site-packages")
    return found


def sizes_by_part(root: Path) -> dict[str, int]:
    """The bytes of each part, the largest first."""
    owners = _owners(packages_folder(root))
    found: dict[str, int] = defaultdict(int)
    for file in root.rglob("*"):
        if file.is_file() and not file.is_symlink():
            found[_part(file, root, owners)] += file.stat().st_size
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _owners(packages: Path) -> Mapping[Path, str]:
    """The package that each installed file is of."""
    found = {}
    for one in importlib.metadata.distributions(path=[str(packages)]):
        name = one.metadata["Name"].lower().replace("_", "-")
        for file in one.files or ():
            found[Path(str(one.locate_file(file)))] = name
    return found


def _part(file: Path, root: Path, owners: Mapping[Path, str]) -> str:
    """Compiled modules belong where their sources do."""
    source = file
    if file.suffix == ".pyc" and file.parent.name == "__pycache__":
        source = file.parents[1] / f"{file.name.partition('.')[0]}.py"
    path = str(file.relative_to(root))
    if path.startswith(ENVIRONMENT):
        return owners.get(source, PROJECT)
    if "/python3" in path or "/libpython3" in path:
        return INTERPRETER
    return LIBRARIES if ".so" in file.name else RECORDS


def large_parts_mb(sizes: Mapping[str, int], least_mb: float = 1.0) -> dict[str, float]:
    """Parts in MB; the small ones together."""
    large = {name: round(size / MB, 1) for name, size in sizes.items() if size >= least_mb * MB}
    small = [size for size in sizes.values() if size < least_mb * MB]
    return large | {f"{len(small)} smaller ones": round(sum(small) / MB, 1)}


def compressed_bytes(root: Path) -> int:
    """The image as one layer."""
    script = f"tar -C {shlex.quote(str(root))} --exclude=./proc --exclude=./dev -cf - . | gzip -c | wc -c"
    return int(subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout)


def programs(root: Path) -> list[str]:
    """Everything that stands where programs do: a shell would be here."""
    folders = (folder for name in ("bin", "sbin") for folder in root.rglob(name) if folder.is_dir())
    return sorted({file.name for folder in folders for file in folder.iterdir()})


def debian_packages(root: Path) -> list[str]:
    """Those that files of the image are from."""
    return sorted(file.name for file in (root / materials.RECORDS).iterdir())


def bill_problems(bill: Mapping[str, Any], root: Path) -> list[str]:
    """Packages of the image that its bill of materials lacks."""
    listed = {one["name"].lower().replace("_", "-") for one in bill["components"]}
    installed = {owner for owner in _owners(packages_folder(root)).values() if owner != PROJECT}
    recorded = set(debian_packages(root))
    return [f"the bill of materials lacks {name}" for name in sorted((installed | recorded | {"python"}) - listed)]
