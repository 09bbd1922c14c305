"""An example of each filter: its section, and a request or an answer in which it changes something.

The laws are tried with each (``tests/playbooks/test_laws_of_all_filters.py``); a filter without an example fails there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FilterExample:
    """One filter, in a chat that is pinned to the second version.

    Attributes:
        section: of the configuration.
        behind: filters that must run before it.
        request: further fields of the request.
        answers: what the model says.
        observes: whether it only observes, so nothing changes where it is in force.
    """

    section: dict[str, Any]
    behind: tuple[dict[str, Any], ...] = ()
    request: dict[str, Any] = field(default_factory=dict)
    answers: str = "The museum opens at nine."
    observes: bool = False


EXAMPLES: dict[str, FilterExample] = {
    "version": FilterExample({"filter": "version"}),
    "prompt": FilterExample({"filter": "prompt"}, behind=({"filter": "version"},)),
    "meter": FilterExample({"filter": "meter"}, request={"stream": True}),
    "signals": FilterExample({"filter": "signals"}, answers="Shall I tell you the hours of the museum?", observes=True),
}
