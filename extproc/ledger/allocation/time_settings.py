"""What a process that serves tells the one that ships about the time of GPUs: by what it is allocated. It imports
nothing of the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from extproc.config.document import Document, Role
from extproc.config.gpus import GpusSection


class TimeSettings(NamedTuple):
    """Attributes:
    section: JSON of the section `gpus`.
    models: the model of each endpoint, by which time that no exchange used is counted; of several the first one.
    """

    section: str
    models: Mapping[str, str]

    @classmethod
    def of_document(cls, document: Document) -> Self | None:
        """None: GPUs are not configured."""
        if document.gpus is None:
            return None
        models: dict[str, str] = {}
        for endpoint, model in _endpoints(document, document.gpus):
            models.setdefault(endpoint, model)
        return cls(document.gpus.model_dump_json(), models)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Self:
        """What ``as_json`` gave."""
        return cls(values["section"], values["models"])

    def as_json(self) -> dict[str, Any]:
        """For the process that ships."""
        return {"section": self.section, "models": dict(self.models)}


def time_settings(document: Document) -> dict[str, Any] | None:
    """The settings of the shipper; None: GPUs are not configured."""
    found = TimeSettings.of_document(document)
    return None if found is None else found.as_json()


def _endpoints(document: Document, gpus: GpusSection) -> Iterator[tuple[str, str]]:
    """Endpoints and their models. In role guard all servers have the model that is guarded here."""
    if document.role is Role.GUARD:
        model = (document.guard_version or "").partition("/")[0]
        yield from ((one.endpoint, model) for one in gpus.servers)
        return
    for model, of_model in document.models.items():
        for version in of_model.versions.values():
            yield from ((endpoint, model) for endpoint in version.endpoints)
