"""Reads all prompts of a configuration, with those of its folder that nobody uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from extproc.cli.output import refuse, refuse_configuration
from extproc.config.models import CompiledVersion, compile_models, find_version
from extproc.config.problems import ConfigInvalid, did_you_mean
from extproc.config.prompt_catalog import (
    BrokenPrompt,
    KnownPrompt,
    PromptCatalog,
    named_prompts,
    prompt_named,
    unnamed_prompt,
    unnamed_prompts,
)
from extproc.config.prompts import PROMPT_BYTES_MAX, SUFFIXES
from extproc.server.operations.config_files import ConfigFiles, read_config
from extproc.server.operations.prompt_store import PromptStoreFailed, StoreClient

_FILES_MAX: Final = 10_000
"""More are no folder of prompts."""


@dataclass(frozen=True, slots=True)
class ReadPrompts:
    """A configuration with its prompts."""

    file: Path
    files: ConfigFiles
    catalog: PromptCatalog

    def usable(self, name: str) -> KnownPrompt:
        """The prompt of that name; ends the command if there is none, or if it is unusable."""
        found = self.catalog.find(name) or self._stored(name)
        if isinstance(found, BrokenPrompt):
            refuse(*map(str, found.problems))
        if found is None:
            known = [one.name for one in self.catalog.known]
            hint = did_you_mean(name, known) or (f"There are: {', '.join(known)}." if known else "There are none.")
            refuse(f"There is no prompt {name}. {hint}")
        return found

    def version_of(self, prompt: KnownPrompt, used_by: str | None = None) -> CompiledVersion | None:
        """The version that uses a prompt first, or the one of that name; ends the command if there is none of it."""
        models = compile_models(self.files.loaded.document, self.files.prompts)
        if used_by is None:
            found = (find_version(models, use.version) for use in prompt.uses)
            return next((one[1] for one in found if one is not None), None)
        named = find_version(models, used_by)
        if named is None:
            versions = [version.name for model in models.values() for version in model.versions]
            hint = did_you_mean(used_by, versions) or f"There are: {', '.join(versions)}."
            refuse(f"There is no version {used_by}. {hint}")
        return named[1]

    def built_in_values(self, prompt: KnownPrompt, used_by: str | None = None) -> dict[str, str]:
        """The values that a prompt gets today, of the version that uses it first or that is named."""
        version = self.version_of(prompt, used_by)
        values = {"date": datetime.now(UTC).date().isoformat()}
        if version is not None:
            values |= {"model": version.facts.model, "version": version.facts.version}
        return values

    def _stored(self, name: str) -> KnownPrompt | BrokenPrompt | None:
        """A prompt of the store that nobody uses; None if it has none."""
        source, prompt = self.files.loaded.document.prompts, prompt_named(name)
        if source is None or source.store is None or prompt is None:
            return None
        try:
            client = StoreClient(source.store, self.file.parent)
            stored = client.fetch((prompt.name or "", prompt.version or ""), "")
        except PromptStoreFailed as failed:
            refuse(f"There is no prompt {name} in the configuration, and the prompt store {failed}.")
        return None if stored is None else unnamed_prompt(name, [name], stored.content)


def read_prompts(file: Path) -> ReadPrompts:
    """Read them; ends the command if the configuration is invalid."""
    try:
        files = read_config(file)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    named = list(named_prompts(files.loaded.document, files.prompts, files.loaded.places))
    source = files.loaded.document.prompts
    known, broken = named, list[BrokenPrompt]()
    if source is not None and source.folder is not None:
        for one in unnamed_prompts(source.folder, _contents(file.parent, source.folder), named):
            if isinstance(one, BrokenPrompt):
                broken.append(one)
            else:
                known.append(one)
    return ReadPrompts(file, files, PromptCatalog(tuple(known), tuple(broken)))


def _contents(base: Path, folder: str) -> dict[str, bytes]:
    """The content of each file below a folder; what cannot be read is left out, as nobody uses it."""
    found: dict[str, bytes] = {}
    for file in _files(base / folder):
        if len(found) == _FILES_MAX:
            break
        try:
            with file.open("rb") as stream:
                found[str(file.relative_to(base / folder))] = stream.read(PROMPT_BYTES_MAX + 1)
        except OSError:
            continue
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, in order; a ConfigMap keeps its older ones in folders that begin with a dot."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            file = Path(place, name)
            if name.endswith(SUFFIXES) and not name.startswith(".") and file.is_file():
                yield file
