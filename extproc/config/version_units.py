"""What a model version means: the parts that decide its answers and their price, as one unit with a fingerprint.

A version that changes one of them under its name is a new *revision* of the version. Weight and endpoints are no parts:
they decide how often and where it answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from extproc.config.document import Document, Version
from extproc.config.problems import must_hide

FINGERPRINT_CHARS = 12
PROMPT_TEXT = "prompt.text"
"""The part whose value is a fingerprint: texts are compared where they are at hand."""

Parts = Mapping[str, str]
"""Value of each part by its key, such as ``price.prompt_micro_usd_per_mtok``, in document order."""


def parts_of(served_model: str, version: Version, prompt: str | None) -> dict[str, str]:
    """The parts of a version.

    Args:
        served_model: as the model server calls it.
        prompt: the text of its system prompt.
    """
    return {
        "served_model": served_model,
        **{f"serving.{key}": _shown(key, value) for key, value in sorted(version.serving.items())},
        **dict(_prompt_parts(version, prompt)),
        **dict(_price_parts(version)),
    }


def fingerprint_of(parts: Parts) -> str:
    """12 hexadecimal digits that differ if any part does."""
    return text_fingerprint(json.dumps(sorted(parts.items())))


def text_fingerprint(text: str) -> str:
    """12 hexadecimal digits of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_CHARS]


def changed_parts(before: Parts, after: Parts) -> list[str]:
    """The keys of the parts that differ."""
    return [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]


def prompt_name(version: Version) -> str:
    """The name of its system prompt; empty if it has none."""
    return "" if version.prompt is None else version.prompt.file.rpartition("/")[2]


def version_parts(document: Document, prompts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The parts of every version, by MODEL/VERSION.

    Args: prompts: text of each prompt file, by its path in the document.
    """
    return {
        f"{model_name}/{name}": parts_of(served_model(model_name, version), version, prompt_text(version, prompts))
        for model_name, model in document.models.items()
        for name, version in model.versions.items()
    }


def served_model(model: str, version: Version) -> str:
    """What the model server calls it."""
    return version.served_model or model


def prompt_text(version: Version, prompts: Mapping[str, str]) -> str | None:
    """Its system prompt, without white space around it; None if it has none."""
    return None if version.prompt is None else prompts[version.prompt.file].strip()


def _shown(key: str, value: str) -> str:
    """A note; parts are printed and committed, so of what may be a secret there is a fingerprint alone."""
    return f"(not shown, {text_fingerprint(value)})" if must_hide(("serving", key), value) else value


def _prompt_parts(version: Version, text: str | None) -> Iterator[tuple[str, str]]:
    if version.prompt is not None and text is not None:
        yield "prompt.name", prompt_name(version)
        yield "prompt.position", version.prompt.position
        yield PROMPT_TEXT, text_fingerprint(text)


def _price_parts(version: Version) -> Iterator[tuple[str, str]]:
    for key, value in version.price.model_dump(exclude_none=True).items():
        yield f"price.{key}", str(value)
