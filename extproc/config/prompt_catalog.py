"""The prompts of a configuration: those that it names, with who uses them, and others of its folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from extproc.config.document import Document
from extproc.config.problems import KeyPath, Places, Problem, names
from extproc.config.prompt_checks import content_problems
from extproc.config.prompt_files import FrontMatter, compiled_prompt, parse_prompt_file
from extproc.config.prompt_template import CompiledPrompt, Position
from extproc.config.prompts import SUFFIXES, Prompt, prompts_of
from extproc.config.routes import Route


@dataclass(frozen=True, slots=True)
class PromptUse:
    """Who uses a prompt: MODEL/VERSION, or a route by its key.

    Attributes:
        version: MODEL/VERSION whose exchanges get it, the first of a route; empty: it depends on the request.
    """

    by: str
    position: Position
    version: str


@dataclass(frozen=True, slots=True)
class KnownPrompt:
    """A prompt that can be read. ``name``: NAME-VERSION, or the path of its file."""

    name: str
    prompt: Prompt
    front: FrontMatter
    compiled: CompiledPrompt
    uses: tuple[PromptUse, ...]


@dataclass(frozen=True, slots=True)
class BrokenPrompt:
    """A file that nobody uses, and that cannot be used as it is."""

    name: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class PromptCatalog:
    """All prompts of a configuration, in its order; those that nobody uses follow."""

    known: tuple[KnownPrompt, ...]
    broken: tuple[BrokenPrompt, ...] = ()

    def find(self, name: str) -> KnownPrompt | BrokenPrompt | None:
        """The prompt of that name; one with a file of its own also by the file's name, if no other has it."""
        every: list[KnownPrompt | BrokenPrompt] = [*self.known, *self.broken]
        by_label = [one for one in self.known if one.prompt.label == name]
        return next((one for one in every if one.name == name), by_label[0] if len(by_label) == 1 else None)


def named_prompts(document: Document, contents: Mapping[str, str], places: Places) -> Iterator[KnownPrompt]:
    """The prompts that a configuration names.

    Args: contents: of each prompt, by ``Prompt.key``.
    """
    uses: dict[str, list[PromptUse]] = {}
    first: dict[str, Prompt] = {}
    for path, prompt in prompts_of(document):
        uses.setdefault(prompt.key, []).append(_use(path, prompt, document, places))
        first.setdefault(prompt.key, prompt)
    for key, prompt in first.items():
        yield _known(prompt, contents[key], tuple(uses[key]))


def unnamed_prompts(
    folder: str, files: Mapping[str, bytes], named: Iterable[KnownPrompt]
) -> Iterator[KnownPrompt | BrokenPrompt]:
    """The prompts of a folder that the configuration does not name; another file is none.

    Args:
        folder: as the configuration names it.
        files: content of each file by its path below the folder.
    """
    known = {one.name for one in named}
    by_name: dict[str, list[str]] = {}
    for file in sorted(files):
        suffix = next((one for one in SUFFIXES if file.endswith(one)), None)
        name = file.removesuffix(suffix or "")
        if suffix is not None and name not in known and prompt_named(name) is not None:
            by_name.setdefault(name, []).append(file)
    for name, found in by_name.items():
        yield unnamed_prompt(name, [f"{folder}/{file}" for file in found], files[found[0]])


def unnamed_prompt(name: str, found: list[str], content: bytes) -> KnownPrompt | BrokenPrompt:
    """A prompt that the configuration does not name.

    Args: found: where it is; at two places it cannot be used.
    """
    prompt, source = prompt_named(name), found[0]
    assert prompt is not None
    if len(found) > 1:
        twice = Problem(source, 1, 1, "", f"the prompt is in two files, {names(found)}", hint="Remove one of them.")
        return BrokenPrompt(name, (twice,))
    text, problems = content_problems((), prompt, content, source, Places(source))
    if problems:
        return BrokenPrompt(name, tuple(replace(one, path=one.path.removeprefix("version")) for one in problems))
    return _known(prompt, text, ())


def prompt_named(name: str) -> Prompt | None:
    """How a version would name it; None if that is no name of a prompt."""
    first, _, version = name.rpartition("-")
    try:
        return Prompt(name=first, version=version)
    except ValidationError:
        return None


def _known(prompt: Prompt, content: str, uses: tuple[PromptUse, ...]) -> KnownPrompt:
    front = FrontMatter() if prompt.file is not None else parse_prompt_file(content, prompt.label).front
    name = prompt.label if prompt.file is None else prompt.file
    return KnownPrompt(name, prompt, front, compiled_prompt(prompt, {prompt.key: content}), uses)


def _use(path: KeyPath, prompt: Prompt, document: Document, places: Places) -> PromptUse:
    match path:
        case ("models", model, "versions", version, *_):
            name = f"{model}/{version}"
            return PromptUse(name, prompt.position, name)
        case ("routes", int(number), *_):
            version = _first_version(document.routes[number], document)
            return PromptUse(places.dotted(path[:-1]), prompt.position, version)
    raise AssertionError("versions and routes name prompts: `prompts_of` has no other")


def _first_version(route: Route, document: Document) -> str:
    if route.version is not None:
        return route.version
    if route.split:
        return route.split[0].version
    model = document.models.get(route.model or "")
    return f"{route.model}/{next(iter(model.versions))}" if model is not None else ""
