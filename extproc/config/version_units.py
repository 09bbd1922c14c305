"""What a model version means: the parts that decide its answers and their price, as one unit with a fingerprint.

A version that changes one of them under its name is a new *revision* of the version. Weight and endpoints are no parts:
they decide how often and where it answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from extproc.config.document import Document, Version
from extproc.config.problems import must_hide
from extproc.config.prompt_files import compiled_prompt
from extproc.config.prompt_template import CompiledPrompt
from extproc.domain.fingerprint import fingerprint_of_text

PROMPT_TEXT = "prompt.text"
"""The part whose value is a fingerprint: texts are compared where they are at hand."""

Parts = Mapping[str, str]
"""Value of each part by its key, such as ``price.prompt_micro_usd_per_mtok``, in document order."""


def parts_of(model: str, version: Version, prompt: CompiledPrompt | None) -> dict[str, str]:
    """The parts of a version of a model."""
    return {
        "served_model": served_model(model, version),
        **{f"serving.{key}": _shown(key, value) for key, value in sorted(version.serving.items())},
        **dict(_prompt_parts(prompt)),
        **dict(_price_parts(version)),
    }


def fingerprint_of(parts: Parts) -> str:
    """12 hexadecimal digits that differ if any part does."""
    return fingerprint_of_text(json.dumps(sorted(parts.items())))


def changed_parts(before: Parts, after: Parts) -> list[str]:
    """The keys of the parts that differ."""
    return [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]


def version_parts(document: Document, prompts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The parts of every version, by MODEL/VERSION.

    Args: prompts: content of each prompt, by ``Prompt.key``.
    """
    return {
        f"{model_name}/{name}": parts_of(model_name, version, version_prompt(version, prompts))
        for model_name, model in document.models.items()
        for name, version in model.versions.items()
    }


def version_prompt(version: Version, prompts: Mapping[str, str]) -> CompiledPrompt | None:
    """Its system prompt; None if it has none."""
    return None if version.prompt is None else compiled_prompt(version.prompt, prompts)


def served_model(model: str, version: Version) -> str:
    """What the model server calls it."""
    return version.served_model or model


def _shown(key: str, value: str) -> str:
    """A note; parts are printed and committed, so of what may be a secret there is a fingerprint alone."""
    return f"(not shown, {fingerprint_of_text(value)})" if must_hide(("serving", key), value) else value


def _prompt_parts(prompt: CompiledPrompt | None) -> Iterator[tuple[str, str]]:
    if prompt is not None:
        yield "prompt.name", prompt.name
        yield "prompt.position", prompt.position
        yield PROMPT_TEXT, prompt.fingerprint


def _price_parts(version: Version) -> Iterator[tuple[str, str]]:
    for key, value in version.price.model_dump(exclude_none=True).items():
        yield f"price.{key}", str(value)
