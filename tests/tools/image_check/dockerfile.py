"""The steps of a Dockerfile, run in folders: the instructions that ours has, and no others."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import string
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[3]
DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"
SUITE: Final = "trixie"
PACKAGES: Final = "python3,python3-venv,python3-dev,python3-pip,python-is-python3,ca-certificates"
"""What the image of Python has too."""
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SCRATCH: Final = "scratch"
_OF_MACHINE: Final = ("/etc/resolv.conf", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
"""By which it reaches packages."""


class Instruction(NamedTuple):
    """One line of a Dockerfile."""

    name: str
    words: str


def instructions(text: str) -> Iterator[Instruction]:
    """In order, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, words = line.partition(" ")
            yield Instruction(name, words.strip())


class Stage:
    """A folder that a stage is built in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment: dict[str, str] = {}
        self.folder = "/"
        self.user = "0:0"
        self.entry: list[str] = []
        self.arguments: list[str] = []

    def run(self, words: str) -> None:
        """A step, as root. Raises: CalledProcessError."""
        inside = f"cd {shlex.quote(self.folder)} && {words}"
        subprocess.run(
            ["chroot", str(self.root), "/bin/sh", "-c", inside],
            env={"PATH": PATH, "HOME": "/root", **_of_pip(), **self.environment},
            check=True,
        )

    def copy(self, words: str, stages: Mapping[str, Stage]) -> None:
        """From the project, or from another stage."""
        names = shlex.split(words)
        source = ROOT
        if names[0].startswith("--from="):
            source = stages[names.pop(0).removeprefix("--from=")].root
        *what, where = names
        target = self.root / str(Path(self.folder) / where).lstrip("/")
        for name in what:
            file = source / name.lstrip("/")
            if file.is_dir():
                subprocess.run(["cp", "-a", f"{file}/.", str(made(target))], check=True)
            else:
                place = target / file.name if where.endswith("/") else target
                made(place.parent)
                shutil.copyfile(file, place)


def made(folder: Path) -> Path:
    """A folder, made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _of_pip() -> dict[str, str]:
    """How this machine reaches packages, but for folders of its own."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_") and name != "PIP_FIND_LINKS"}


def make_base(folder: Path) -> None:
    """Debian with Python, as small as the image is."""
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(folder)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    for name in _OF_MACHINE:
        if Path(name).exists():
            shutil.copyfile(name, folder / name.lstrip("/"))


def begun(words: str, folder: Path, base: Path, arguments: Mapping[str, str]) -> tuple[str, Stage]:
    """The stage that a FROM begins, and its name: empty, or a copy of the base, whatever the base is called."""
    image, _, name = words.partition(" AS ")
    stage = Stage(folder / f"stage-{name or 'last'}")
    if string.Template(image).substitute(arguments) == SCRATCH:
        made(stage.root)
    else:
        subprocess.run(["cp", "-a", str(base), str(stage.root)], check=True)
    return name, stage


def built(folder: Path) -> Stage:
    """The last stage."""
    base = folder / "base"
    make_base(base)
    stages: dict[str, Stage] = {}
    arguments: dict[str, str] = {}
    stage = Stage(base)
    for one in instructions(DOCKERFILE.read_text()):
        print(f"  {one.name} {one.words[:100]}", flush=True)
        match one.name:
            case "ARG":
                name, _, arguments[name] = one.words.partition("=")
            case "FROM":
                name, stage = begun(one.words, folder, base, arguments)
                stages[name] = stage
            case "ENV":
                stage.environment |= dict(word.split("=", 1) for word in shlex.split(one.words))
            case "WORKDIR":
                stage.folder = one.words
                made(stage.root / one.words.lstrip("/"))
            case "RUN":
                stage.run(one.words)
            case "COPY":
                stage.copy(one.words, stages)
            case "USER":
                stage.user = one.words
            case "ENTRYPOINT":
                stage.entry = json.loads(one.words)
            case "CMD":
                stage.arguments = json.loads(one.words)
            case _:
                raise ValueError(f"this check does not know {one.name}")
    return stage
