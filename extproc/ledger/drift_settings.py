"""What a process that serves tells the one that ships about drift. It imports nothing of the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extproc.config.document import Document


def drift_settings(document: Document, folder: Path) -> dict[str, Any] | None:
    """The settings of the shipper. Args: folder: base of relative paths of the configuration."""
    section = document.drift
    if section is None:
        return None
    file = section.webhook_file
    return {
        "section": section.model_dump_json(),
        "versions": versions_here(document),
        "webhook_file": None if file is None else str(folder / file),
    }


def versions_here(document: Document) -> list[tuple[str, str]]:
    """Model and version of each that answers here."""
    return [
        (model, version)
        for model, of_model in document.models.items()
        for version in of_model.versions
        if document.guard_version in (None, f"{model}/{version}")
    ]
