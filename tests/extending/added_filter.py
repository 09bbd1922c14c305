"""A filter: one that sets the seed of requests, so that answers can be repeated."""

from __future__ import annotations

from tests.extending.additions import Addition, Insertion

FILTER = Addition(
    {
        "extproc/config/filters.py": (
            Insertion(
                '    filter: Literal["prompt"]',
                '''

class SeedSection(FilterSection):
    """Sets the seed of requests, so that answers can be repeated."""

    filter: Literal["seed"]
    seed: int = Field(default=0, ge=0, description="seed of each request")
''',
            ),
            Insertion("    MeterSection,", "    SeedSection,\n"),
        ),
        "extproc/filters/seed.py": '''"""Sets the seed of requests, so that answers can be repeated."""

from __future__ import annotations

from typing import Self

from extproc.config.filters import SeedSection
from extproc.config.section import Mode, OnError
from extproc.domain.errors import ApiError
from extproc.filters.base import ExchangeContext, Filter, Resources
from extproc.payload.view import RequestView


class SeedFilter(Filter):
    """One seed for all requests."""

    name = "seed"

    @classmethod
    def build(cls, section: SeedSection, _: Resources) -> Self:
        """Build the filter with its own key."""
        return cls(section.mode, section.on_error, section.seed)

    def __init__(self, mode: Mode, on_error: OnError, seed: int) -> None:
        super().__init__(mode, on_error)
        self._seed = seed

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Set the seed."""
        if self.enforced:
            request.set(("seed",), self._seed)
        return None
''',
        "tests/filter_examples.py": (
            Insertion("EXAMPLES: dict", '    "seed": FilterExample({"filter": "seed", "seed": 7}),\n'),
        ),
        "tests/unit/filters/test_seed.py": '''"""The seed of requests."""

from __future__ import annotations

from tests.playbooks.driver import asked, request_body, snapshot_of


def test_the_seed_of_the_configuration_replaces_the_clients() -> None:
    """Else answers could not be repeated."""
    talk = asked(snapshot_of({"filter": "seed", "seed": 7}), body=request_body(seed=3))
    assert talk.server_json["seed"] == 7
''',
    },
    (
        "tests/playbooks/test_laws_of_all_filters.py",
        "tests/unit/filters/test_seed.py",
        "tests/unit/filters/test_registry.py",
        "tests/unit/config/test_bad_files.py",
        "tests/unit/test_module_tests.py",
        "tests/unit/test_words.py",
        "tests/docs/test_pages.py",
        "tests/docs/test_reference.py",
    ),
    example="tests/filter_examples.py",
    only="seed or test_every_filter or not (test_laws_of_all_filters or test_bad_files)",
)
