"""The README's reference tables, made from the code: ``python -m tests.docs.reference`` writes them into it.

``test_readme`` holds the README to them: no key and no metric is undocumented, none is documented that is not there.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from extproc.config.document import Document
from extproc.sinks.metrics import Metrics
from tests.docs.transport_limits import transport_limits_table

README = Path(__file__).parents[2] / "README.md"


def configuration_table() -> str:
    """One row for each key of the configuration, in the document's order."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    return "\n".join(rows + _rows(Document, ""))


def metrics_table() -> str:
    """One row for each metric."""
    rows = ["| metric | labels | meaning |", "|---|---|---|"]
    registry = Metrics(label_values_max=1).registry
    for collector in _collectors(registry):
        description = next(iter(collector.describe()))
        suffix = "_total" if description.type == "counter" else ""
        labels = ", ".join(f"`{label}`" for label in collector._labelnames) or "-"
        rows.append(f"| `{description.name}{suffix}` ({description.type}) | {labels} | {description.documentation} |")
    return "\n".join(rows)


def _collectors(registry: CollectorRegistry) -> list[Any]:
    return list(registry._collector_to_names)


def _rows(model: type[BaseModel], prefix: str) -> list[str]:
    rows: list[str] = []
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        sections, plural = _sections(field.annotation)
        if not sections:
            rows.append(f"| `{key}` | {_default(field)} | {_meaning(field)} |")
        elif len(sections) == 1:
            rows.append(f"| `{key}` | {_default(field)} | {_meaning(field)} |")
            rows += _rows(sections[0], f"{key}.{'NAME.' if plural else ''}")
        else:
            rows.append(f"| `{key}` | {_default(field)} | {_meaning(field)} |")
            for section in sections:
                (chooser,) = [name for name in ("filter", "guard", "adapter") if name in section.model_fields]
                choice = get_args(section.model_fields[chooser].annotation)[0]
                inner = f"{key}{'.NAME' if plural else ''}[{choice}]."
                rows += [row for row in _rows(section, inner) if f"].{chooser}`" not in row]
    return rows


def _sections(annotation: Any) -> tuple[list[type[BaseModel]], bool]:
    """The sections that a type holds, and whether they are named by the user."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation], False
    found: list[type[BaseModel]] = []
    plural = get_origin(annotation) is dict
    for argument in get_args(annotation):
        if not isinstance(argument, str):
            found += _sections(argument)[0]
    return found, plural


def _meaning(field: FieldInfo) -> str:
    """The description; Markdown would take <...> for a tag."""
    return (field.description or "").replace("<", "&lt;")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or isinstance(field.default, BaseModel):
        return "-"
    value = field.default
    if value is None or value == ():
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`" + ", ".join(value) + "`"
    return f"`{value}`"


def sections() -> dict[str, str]:
    """The generated tables by the name of their marker."""
    return {
        "configuration": configuration_table(),
        "metrics": metrics_table(),
        "transport limits": transport_limits_table(),
    }


def written(readme: str) -> str:
    """The README with its tables as they must be. Raises: ValueError where a marker is missing."""
    for name, table in sections().items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        readme, count = pattern.subn(partial(_filled, table), readme)
        if count != 1:
            raise ValueError(f"README.md needs one pair of <!-- {name} --> and <!-- end -->")
    return readme


def _filled(table: str, markers: re.Match[str]) -> str:
    return f"{markers[1]}{table}\n{markers[2]}"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
