"""What a process that serves tells the one that ships about rollouts. It imports nothing of the database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from extproc.config.document import Document
from extproc.config.models import compile_models
from extproc.config.rollouts import RolloutSection


class ConfiguredVersion(NamedTuple):
    """A version as the configuration has it now."""

    model: str
    version: str
    fingerprint: str
    weight: int


class ComparedArms(NamedTuple):
    """What the configuration has of both versions of a rollout."""

    stable_fingerprint: str
    canary_fingerprint: str
    stable_weight: int
    canary_weight: int


class RolloutSettings(NamedTuple):
    """Attributes: declared: rollouts of the configuration; versions: all that it has; folder: of relative paths."""

    declared: tuple[RolloutSection, ...]
    versions: tuple[ConfiguredVersion, ...]
    folder: str = ""

    @classmethod
    def of_document(cls, document: Document, prompts: Mapping[str, str], folder: Path) -> Self:
        """Args: prompts: as those of ``compile_snapshot``."""
        versions = tuple(
            ConfiguredVersion(model.name, version.facts.version, version.facts.fingerprint, version.weight)
            for model in compile_models(document, prompts).values()
            for version in model.versions
        )
        return cls(document.rollouts, versions, str(folder))

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Self:
        """What ``as_json`` gave."""
        declared = tuple(RolloutSection.model_validate_json(one) for one in values["declared"])
        return cls(declared, tuple(ConfiguredVersion(*one) for one in values["versions"]), values["folder"])

    def as_json(self) -> dict[str, Any]:
        """For the process that ships."""
        declared = [one.model_dump_json() for one in self.declared]
        return {"declared": declared, "versions": [list(one) for one in self.versions], "folder": self.folder}

    def version(self, model: str, version: str) -> ConfiguredVersion | None:
        """A version; None: the configuration has none of that name."""
        return next((one for one in self.versions if (one.model, one.version) == (model, version)), None)

    def arms(self, plan: RolloutSection) -> ComparedArms | None:
        """Both versions of a plan as they are now; None: the configuration does not have them."""
        stable, canary = (self.version(plan.model, name) for name in (plan.stable, plan.canary))
        if stable is None or canary is None:
            return None
        return ComparedArms(stable.fingerprint, canary.fingerprint, stable.weight, canary.weight)

    def has_model(self, model: str) -> bool:
        """Whether the configuration has any version of a model."""
        return any(one.model == model for one in self.versions)
