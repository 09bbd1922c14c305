"""Prompts are read from where the configuration says; each that cannot be used has its exact error."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.config.problems import ConfigInvalid
from extproc.config.prompts import PROMPT_BYTES_MAX, prompt_key
from extproc.server.operations import config_files
from extproc.server.operations.config_files import ConfigReader
from tests.unit.config.conftest import MINIMAL

NAMED = "prompts: { folder: prompts }\n" + MINIMAL.replace(
    "weight: 1", "weight: 1\n        prompt: { name: system, version: v2 }"
).replace("  - filter: meter", "  - filter: prompt\n  - filter: meter")
OF_A_FILE = NAMED.replace("name: system, version: v2", "file: p.txt").replace("prompts: { folder: prompts }\n", "")
AT = "config.yaml:7:42: models.tiny-chat.versions.v1.prompt.version"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with a named prompt, whose file is still to be written."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "config.yaml").write_text(NAMED)
    return tmp_path


def read(folder: Path) -> dict[str, str]:
    """The texts."""
    return ConfigReader(folder / "config.yaml").read().prompts


def refused(folder: Path) -> str:
    """The problems, without the folder of the test."""
    with pytest.raises(ConfigInvalid) as raised:
        read(folder)
    return str(raised.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("suffix", [".md", ".txt"])
def test_a_named_prompt_is_a_file_of_the_folder(folder: Path, suffix: str) -> None:
    """NAME-VERSION, with either suffix."""
    (folder / "prompts" / f"system-v2{suffix}").write_text("You help {{ team }}.\n")
    assert read(folder) == {prompt_key("system", "v2"): "You help {{ team }}.\n"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", f"{AT}: the prompt is empty. Write it, or remove `prompt` for a version without one."),
        (b" \n\t", f"{AT}: the prompt is empty. Write it, or remove `prompt` for a version without one."),
        (b"Be caf\xe9", f"{AT}: the prompt is not valid UTF-8 at byte 6. Save it as UTF-8."),
        (b"x" * (PROMPT_BYTES_MAX + 1), f"{AT}: the prompt is longer than 262144 bytes. Shorten it."),
        (
            b"Hi.\n{{ city }}",
            "prompts/system-v2.md:2:1: the variable `city` is not declared. Declare it under `variables:` in the front"
            " matter.",
        ),
    ],
)
def test_a_prompt_that_cannot_be_used(folder: Path, content: bytes, told: str) -> None:
    """At the line that names it, or at its own."""
    (folder / "prompts" / "system-v2.md").write_bytes(content)
    assert refused(folder) == told


def test_a_prompt_that_is_not_there(folder: Path) -> None:
    """The files that would be taken."""
    assert refused(folder) == (
        f"{AT}: there is no such prompt in the folder. Expected `prompts/system-v2.md` or `prompts/system-v2.txt`."
    )


def test_a_prompt_in_two_files(folder: Path) -> None:
    """Which one is meant nobody knows."""
    for suffix in (".md", ".txt"):
        (folder / "prompts" / f"system-v2{suffix}").write_text("Hi")
    assert refused(folder) == (
        f"{AT}: the prompt is in two files, `prompts/system-v2.md` and `prompts/system-v2.txt`. Remove one of them."
    )


def test_a_prompt_that_is_a_folder(folder: Path) -> None:
    """Like any file that cannot be read."""
    (folder / "prompts" / "system-v2.md").mkdir()
    assert refused(folder) == f"{AT}: the text `v2` cannot be read (is a directory). Make it readable for this user."


def test_the_problem_of_a_prompt_is_told_once(folder: Path) -> None:
    """However many versions have it."""
    version = NAMED.partition("      v1:")[2].partition("filters:")[0]
    (folder / "config.yaml").write_text(NAMED.replace("filters:", f"      v2:{version}filters:", 1))
    assert refused(folder).count("there is no such prompt") == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "the text `p.txt` is not a file. The path is relative to the folder of the file that names it."),
        (b"", "the prompt is empty. Write it, or remove `prompt` for a version without one."),
        (b"Be caf\xe9", "the prompt is not valid UTF-8 at byte 6. Save it as UTF-8."),
        (b"x" * (PROMPT_BYTES_MAX + 1), "the prompt is longer than 262144 bytes. Shorten it."),
    ],
)
def test_a_file_of_a_version_that_cannot_be_used(folder: Path, content: bytes | None, told: str) -> None:
    """At the line that names it."""
    (folder / "config.yaml").write_text(OF_A_FILE)
    if content is not None:
        (folder / "p.txt").write_bytes(content)
    assert refused(folder) == f"config.yaml:6:25: models.tiny-chat.versions.v1.prompt.file: {told}"


def test_a_prompt_of_the_largest_size_is_read(folder: Path) -> None:
    """The limit itself is allowed."""
    (folder / "prompts" / "system-v2.md").write_bytes(b"x" * PROMPT_BYTES_MAX)
    assert len(read(folder)[prompt_key("system", "v2")]) == PROMPT_BYTES_MAX


class ConfigMap:
    """The prompts as Kubernetes mounts them: two files behind one link, which is swapped between two contents."""

    def __init__(self, folder: Path) -> None:
        version = NAMED.partition("      v1:")[2].partition("filters:")[0].replace("version: v2", "version: v3")
        (folder / "config.yaml").write_text(NAMED.replace("filters:", f"      v2:{version}filters:", 1))
        self.prompts = folder / "prompts"
        for content in ("a", "b"):
            (self.prompts / content).mkdir()
            for name in ("system-v2.md", "system-v3.md"):
                (self.prompts / content / name).write_text(content)
        self._data = self.prompts / "..data"
        self._data.symlink_to("a")
        for name in ("system-v2.md", "system-v3.md"):
            (self.prompts / name).symlink_to(f"..data/{name}")

    def swap(self) -> None:
        """To the other content, at one moment."""
        (self.prompts / "..new").symlink_to("b" if os.readlink(self._data) == "a" else "a")
        os.replace(self.prompts / "..new", self._data)


def test_a_configmap_is_read_whole(folder: Path) -> None:
    """Two prompts of one ConfigMap that is swapped all the time are always of one content."""
    mounted = ConfigMap(folder)
    enough = threading.Event()

    def swap() -> None:
        while not enough.is_set():
            mounted.swap()
            time.sleep(0.0002)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        seen = {frozenset(read(folder).values()) for _ in range(30)}
    finally:
        enough.set()
        swapping.join()
    assert {len(texts) for texts in seen} == {1}


def test_a_configmap_that_is_swapped_back_before_it_is_compared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each prompt is found as it was read, and the two are still of two contents: a comparison alone cannot tell."""
    mounted = ConfigMap(folder)

    def swapping(take: Callable[..., object]) -> Callable[..., object]:
        def taken(*arguments: object) -> object:
            result = take(*arguments)
            if str(arguments).count(".md"):
                mounted.swap()
            return result

        return taken

    monkeypatch.setattr(ConfigReader, "_content", swapping(ConfigReader._content))
    monkeypatch.setattr(config_files, "_signature", swapping(config_files._signature))
    assert len(set(read(folder).values())) == 1


def test_a_content_that_is_removed_while_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes removes the old content after the swap; then all is read again."""
    mounted = ConfigMap(folder)
    take = ConfigReader._content

    def removing(reader: ConfigReader, file: Path, bytes_max: int) -> bytes | OSError:
        result = take(reader, file, bytes_max)
        if file.name == "system-v2.md" and (mounted.prompts / "a").exists():
            mounted.swap()
            shutil.rmtree(mounted.prompts / "a")
        return result

    monkeypatch.setattr(ConfigReader, "_content", removing)
    assert set(read(folder).values()) == {"b"}


def test_a_file_that_is_being_written_is_waited_for(folder: Path) -> None:
    """A checkout writes in place, and half of a prompt is another prompt."""
    file = folder / "prompts" / "system-v2.md"
    file.write_text("old")
    reader = ConfigReader(folder / "config.yaml")
    reader.read()
    begun = threading.Event()

    def write() -> None:
        with file.open("w") as stream:
            for part in ("You ", "help ", "customers."):
                stream.write(part)
                stream.flush()
                begun.set()
                time.sleep(0.03)

    writing = threading.Thread(target=write)
    writing.start()
    begun.wait()
    reader.wait_until_settled()
    assert reader.read().prompts == {prompt_key("system", "v2"): "You help customers."}
    writing.join()
