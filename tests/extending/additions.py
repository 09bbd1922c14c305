"""One of each thing that people add, as edits of files: what CONTRIBUTING tells them to write, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Insertion:
    """Text that goes behind the line that begins with ``behind``; that line must be there once."""

    behind: str
    text: str


@dataclass(frozen=True)
class Addition:
    """What somebody adds.

    Attributes:
        files: new files, and insertions into files that exist; by path.
        tests: what must pass then.
    """

    files: Mapping[str, str | tuple[Insertion, ...]]
    tests: tuple[str, ...]

    def write(self, root: Path) -> None:
        """Write it into a copy of the tree."""
        for name, change in self.files.items():
            path = root / name
            if isinstance(change, str):
                assert not path.exists(), f"{name} exists already"
                path.write_text(change)
            else:
                for insertion in change:
                    _insert(path, insertion)


def _insert(path: Path, insertion: Insertion) -> None:
    lines = path.read_text().splitlines(keepends=True)
    (place,) = [number for number, line in enumerate(lines) if line.startswith(insertion.behind)]
    path.write_text("".join([*lines[: place + 1], insertion.text, *lines[place + 1 :]]))


GUARD = Addition(
    {
        "extproc/config/guards/shouting.py": '''"""The section of the guard for requests in capitals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.guards.base import GuardSection


class ShoutingSection(GuardSection):
    """Rejects requests that are written in capitals."""

    guard: Literal["shouting"]
    on: Literal["request"] = Field(default="request", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(default="block", description="reject, report, or only count")
    message: str = Field(
        default="Request blocked: it is written in capitals.", description="message for the client"
    )
''',
        "extproc/config/guards/__init__.py": (
            Insertion(
                "from extproc.config.guards.roles", "from extproc.config.guards.shouting import ShoutingSection\n"
            ),
            Insertion("    RolesSection,", "    ShoutingSection,\n"),
        ),
        "extproc/filters/shouting.py": '''"""Requests that are written in capitals."""

from __future__ import annotations

from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.record import Action
from extproc.domain.text import Direction, TextSource
from extproc.filters.base import ExchangeContext, Guard
from extproc.payload.view import RequestView


class ShoutingGuard(Guard):
    """Judges each text of a request by itself."""

    code = "shouting"

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Report each text in capitals."""
        found = [field for field in request.texts if self.applies_to(field.source) and field.text.isupper()]
        for field in found:
            finding = Finding("SHOUTING", 0, len(field.text), 1.0, "shouting")
            self.report(exchange, Direction.REQUEST, Evidence(finding, field.text, field.source.speaker.value))
        return self.rejection() if found and self.action is Action.BLOCK else None

    def might_match_any(self, texts: list[tuple[TextSource, str]]) -> bool:
        """No stage does: the request was judged as a whole."""
        return False
''',
        "tests/guard_examples.py": (
            Insertion(
                "EXAMPLES: dict", '    "shouting": GuardExample({"guard": "shouting"}, asks="WHERE IS MY ORDER"),\n'
            ),
        ),
        "docs/guards/shouting.md": """# `guard: shouting`

Rejects requests that are written in capitals, with 400 `shouting`.

```yaml
policies:
  - name: default
    guards:
      - guard: shouting
```

[Keys and defaults](../reference/configuration.md#guard-shouting).
""",
        "docs/guards.md": (
            Insertion(
                "| [`roles`]",
                "| [`shouting`](guards/shouting.md) | requests | block, flag, shadow | capitals | - | exact |\n",
            ),
        ),
    },
    (
        "tests/playbooks/test_laws_of_all_guards.py",
        "tests/unit/filters/test_registry.py",
        "tests/unit/config/test_bad_files.py",
        "tests/unit/test_words.py",
        "tests/docs",
    ),
)
