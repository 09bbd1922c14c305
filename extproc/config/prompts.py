"""System prompts: where they come from, and how a version or a route names one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field, StringConstraints

from extproc.config.problems import KeyPath
from extproc.config.prompt_template import Position
from extproc.config.section import FilePath, Name, Section

if TYPE_CHECKING:
    from extproc.config.document import Document

PROMPT_BYTES_MAX: Final = 262_144
SUFFIXES: Final = (".md", ".txt")
"""Of the files in a folder of prompts."""
_KEY_SEPARATOR: Final = "\0"  # in no path of a file

PromptUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s{}@]+(/[^\s{}@]*)?\{name\}[^\s{}@]*\{version\}[^\s{}@]*$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": (
                "http:// or https://, with `{name}` and `{version}` in its path or query, such as"
                " `https://prompts.example/{name}/{version}`"
            ),
            "environment": True,
        }
    ),
]


class PromptStore(Section):
    """A prompt store over HTTP. The last good texts stay in force while it does not answer."""

    url: PromptUrl = Field(description="address of a prompt, with `{name}` and `{version}`; a GET answers its file")
    token_file: FilePath | None = Field(default=None, description="bearer token for it; read before each request")
    ca_file: FilePath | None = Field(default=None, description="CA in PEM of its certificate; default: the system's")
    cache_file: FilePath | None = Field(
        default=None, description="file that keeps the last good texts over a restart; default: none"
    )
    poll_interval_ms: int = Field(default=2_000, ge=100, le=3_600_000, description="time between two requests for one")
    timeout_ms: int = Field(default=2_000, ge=50, le=60_000, description="largest time of one request")


class Prompts(Section):
    """Where named prompts come from: a folder, or a store."""

    folder: FilePath | None = Field(
        default=None,
        description="folder with files NAME-VERSION.md or .txt, such as a mounted ConfigMap; reloaded on change",
    )
    store: PromptStore | None = Field(default=None, description="prompt store, in place of a folder")


class Prompt(Section):
    """The system prompt of a version or a route: one of `prompts`, or a file of its own. Reloaded on change."""

    name: Name | None = Field(default=None, description="name of a prompt of `prompts`")
    version: Name | None = Field(default=None, description="version of that prompt")
    file: FilePath | None = Field(
        default=None, description="in place of `name`: a file without front matter and variables"
    )
    position: Position = Field(
        default="first",
        description="before the client's system prompt, in place of it, or only if the client sends none",
    )

    @property
    def key(self) -> str:
        """Its place among the texts that were read: the path of its file, or its name and version."""
        return self.file if self.file is not None else prompt_key(self.name or "", self.version or "")

    @property
    def label(self) -> str:
        """Its name in metrics and logs: NAME-VERSION, or the name of its file."""
        return f"{self.name}-{self.version}" if self.file is None else self.file.rpartition("/")[2]


def prompt_name(prompt: Prompt | None) -> str:
    """What tests of a configuration call a prompt: its label; ``none`` for no prompt."""
    return "none" if prompt is None else prompt.label


def prompt_key(name: str, version: str) -> str:
    """The place of a named prompt among the texts that were read."""
    return f"{name}{_KEY_SEPARATOR}{version}"


def prompts_of(document: Document) -> Iterator[tuple[KeyPath, Prompt]]:
    """Every prompt that the configuration names with its key path, in document order."""
    for model_name, model in document.models.items():
        for version_name, version in model.versions.items():
            if version.prompt is not None:
                yield ("models", model_name, "versions", version_name, "prompt"), version.prompt
    for number, route in enumerate(document.routes):
        if route.prompt is not None:
            yield ("routes", number, "prompt"), route.prompt
