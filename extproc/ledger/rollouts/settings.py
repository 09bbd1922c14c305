"""What a process that serves tells the one that ships about rollouts. It imports nothing of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from extproc.config.rollouts import RolloutSection


class ConfiguredVersion(NamedTuple):
    """A version as the configuration has it now."""

    model: str
    version: str
    fingerprint: str
    weight: int


class RolloutSettings(NamedTuple):
    """Attributes: declared: rollouts of the configuration; versions: all that it has."""

    declared: tuple[RolloutSection, ...]
    versions: tuple[ConfiguredVersion, ...]

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Self:
        """What ``as_json`` gave."""
        declared = tuple(RolloutSection.model_validate_json(one) for one in values["declared"])
        return cls(declared, tuple(ConfiguredVersion(*one) for one in values["versions"]))

    def as_json(self) -> dict[str, Any]:
        """For the process that ships."""
        return {"declared": [one.model_dump_json() for one in self.declared], "versions": list(self.versions)}

    def version(self, model: str, version: str) -> ConfiguredVersion | None:
        """A version; None: the configuration has none of that name."""
        return next((one for one in self.versions if (one.model, one.version) == (model, version)), None)

    def has_model(self, model: str) -> bool:
        """Whether the configuration has any version of a model."""
        return any(one.model == model for one in self.versions)
