"""Builds the image in a folder, tries what must work and what must fail in it, and prints what it weighs."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.image.licenses import LicenseUnknown, license_of_debian
from deploy.image.materials import PLACE
from tests.tools import image_check
from tests.tools.image_check.dockerfile import Stage, built
from tests.tools.image_check.figures import (
    ENVIRONMENT,
    MB,
    REPORT,
    ImageFigures,
    bill_problems,
    compressed_bytes,
    debian_packages,
    large_parts_mb,
    packages_folder,
    programs,
    sizes_by_part,
    written,
)
from tests.tools.image_check.running import finished, prepared, serving, started

READY_S_MAX: Final = 2.0
IMAGE_MB_MAX: Final = 280.0
MEMORY_MB_MAX: Final = 120.0
ALLOWED_PROGRAMS: Final = ("extproc", "python")
_STARTS: Final = 3


def measured(stage: Stage) -> ImageFigures:
    """Raises: RuntimeError, if it does not become ready."""
    sizes = sizes_by_part(stage.root)
    compressed = compressed_bytes(stage.root)
    page = prepared(stage)
    starts = [started(stage, page) for _ in range(_STARTS)]
    return ImageFigures(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=platform.machine(),
        image_mb=round(sum(sizes.values()) / MB),
        compressed_mb=round(compressed / MB),
        ready_s=round(min(one.ready_s for one in starts), 2),
        memory_mb=round(starts[-1].memory_bytes / MB),
        compiled=len(list((stage.root / ENVIRONMENT).rglob("extproc/**/*.so"))),
        packages=len(list(packages_folder(stage.root).glob("*.dist-info"))),
        debian=debian_packages(stage.root),
        parts_mb=large_parts_mb(sizes),
    )


def problems(stage: Stage, figures: ImageFigures) -> Iterator[str]:
    """What is wrong with the image, in sentences."""
    limits = (
        ("ready_s", figures.ready_s, READY_S_MAX),
        ("image_mb", figures.image_mb, IMAGE_MB_MAX),
        ("memory_mb", figures.memory_mb, MEMORY_MB_MAX),
    )
    yield from (f"{name} is {value:g}, more than {most:g}" for name, value, most in limits if value > most)
    if not figures.compiled:
        yield "no module is compiled"
    others = [name for name in programs(stage.root) if not name.startswith(ALLOWED_PROGRAMS)]
    if others:
        yield f"it has programs besides its own: {', '.join(others)}"
    yield from bill_problems(json.loads((stage.root / PLACE).read_text()), stage.root)
    for package in figures.debian:
        try:
            license_of_debian(package)
        except LicenseUnknown as unknown:
            yield str(unknown)
    yield from _problems_of_starts(stage)


def _problems_of_starts(stage: Stage) -> Iterator[str]:
    """What a deployment may get wrong is said in words, and ``extproc health`` works in the image."""
    page = prepared(stage)
    lost = finished(stage, "serve", "--config", "/etc/llm-extproc/lost.yaml")
    if lost.code != 2 or "/etc/llm-extproc/lost.yaml" not in lost.said or "Traceback" in lost.said:
        yield f"a missing configuration ends it with {lost.code}: {lost.said}"
    health = ("health", "--config", "/etc/llm-extproc/config.yaml")
    if (absent := finished(stage, *health)).code != 1:
        yield f"`extproc health` ends with {absent.code} while nothing serves: {absent.said}"
    with serving(stage, page):
        if (present := finished(stage, *health)).code != 0:
            yield f"`extproc health` ends with {present.code} while it serves: {present.said}"
    try:
        started(stage, page, with_tmp=False)
    except RuntimeError as failed:
        yield f"without a writable /tmp {failed}"


def main() -> int:
    """Print the figures and the problems. Returns 1 if there are problems."""
    about = (image_check.__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="make image-check", description=about)
    parser.add_argument("--folder", type=Path, help="build here and keep it; it must be empty")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(Path.cwd())}, for the pages")
    asked = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        print("image-check needs root and debootstrap (on Debian: apt-get install debootstrap)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        stage = built(asked.folder or Path(folder))
        figures = measured(stage)
        found = list(problems(stage, figures))
    print(written(figures))
    for problem in found:
        print(f"image-check: {problem}", file=sys.stderr)
    if asked.write and not found:
        REPORT.write_text(written(figures))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
