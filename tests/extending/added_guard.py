"""A guard: against requests that are written in capitals."""

from __future__ import annotations

from tests.extending.additions import Addition, Insertion

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
        "tests/unit/filters/test_shouting.py": '''"""Requests that are written in capitals."""

from __future__ import annotations

import pytest

from tests.playbooks.driver import Conversation, request_body, request_headers, snapshot_of


@pytest.mark.parametrize(("asks", "code"), [("WHERE IS IT", "shouting"), ("Where is it", None), ("42", None)])
def test_only_capitals_shout(asks: str, code: str | None) -> None:
    """A small letter makes it a sentence, and digits are none."""
    talk = Conversation(snapshot_of({"guard": "shouting"}))
    talk.hears(request_headers())
    talk.hears(request_body(messages=[{"role": "user", "content": asks}]))
    assert (talk.client_json["error"]["code"] if talk.closed else None) == code
''',
        "docs/guards/shouting.md": """# `guard: shouting`

Rejects requests that are written in capitals, with 400 `shouting`.

| looks at | actions | what it finds | costs, us: 1 KB / event | how good |
|---|---|---|---|---|
| requests | block, flag, shadow | capitals | - | exact |

## Example

```yaml
policies:
  - name: default
    guards:
      - guard: shouting
```

[Keys and defaults](../reference/configuration.md#guard-shouting).
""",
    },
    (
        "tests/playbooks/test_laws_of_all_guards.py",
        "tests/unit/filters/test_shouting.py",
        "tests/unit/filters/test_registry.py",
        "tests/unit/config/test_bad_files.py",
        "tests/unit/test_module_tests.py",
        "tests/unit/test_words.py",
        "tests/docs/test_guard_pages.py",
        "tests/docs/test_pages.py",
        "tests/docs/test_reference.py",
        "tests/docs/test_site.py",
    ),
    example="tests/guard_examples.py",
    only="shouting or unknown_guard or test_every or not (test_laws_of_all_guards or test_bad_files)",
)
