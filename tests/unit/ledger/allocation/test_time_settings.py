"""By what the process that ships allocates and counts, as the configuration says."""

from __future__ import annotations

import json

from extproc.config.gpus import GpusSection
from extproc.ledger.allocation.time_settings import TimeSettings, time_settings
from tests.unit.config.test_bad_files import BASE
from tests.unit.config.test_gpus import GUARD
from tests.unit.ledger.allocation.test_settings import NAMED, ROUTE, document


def settings(text: str) -> TimeSettings:
    """As they reach the other process."""
    return TimeSettings.of_json(json.loads(json.dumps(time_settings(document(text)))))


def test_without_gpus_nothing_is_allocated() -> None:
    """Nor is anything counted."""
    assert time_settings(document(BASE)) is None


def test_the_section_arrives_as_it_is() -> None:
    """All of it: what a server costs, and since when."""
    assert GpusSection.model_validate_json(settings(ROUTE + NAMED).section) == document(ROUTE + NAMED).gpus


def test_the_model_of_an_endpoint() -> None:
    """The first one that has it; in role guard there is one."""
    found = settings(ROUTE + NAMED).models
    (first,) = [name for name, one in document(NAMED).models.items() if "v1" in one.versions][:1]
    assert found["vllm-a:8001"] == first
    guarded = document(GUARD)
    assert guarded.gpus is not None
    assert set(settings(GUARD).models) == {one.endpoint for one in guarded.gpus.servers}
    assert set(settings(GUARD).models.values()) == {(guarded.guard_version or "").partition("/")[0]}
