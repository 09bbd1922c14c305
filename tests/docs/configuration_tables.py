"""The reference of the configuration, made from its sections: a table for each part of the file."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from extproc.config.document import Document
from extproc.config.schema import declared_keys

HEAD = "| key | default | meaning |\n|---|---|---|"


class Part(NamedTuple):
    """A heading and the rows under it."""

    heading: str
    rows: list[str]


def configuration_tables() -> str:
    """The file's own keys, then a part for each of its sections, with a part for each filter, guard and adapter."""
    keys = Part("## The file", [])
    parts = [keys]
    for name, field in Document.model_fields.items():
        rows, kinds = _inner(name, field)
        linked = f"[`{name}`](#{name})" if rows or kinds else f"`{name}`"
        keys.rows.append(_row(linked, field))
        if rows or kinds:
            parts += [Part(f"## `{name}`", rows), *kinds]
    return "\n\n".join("\n".join([part.heading, "", HEAD, *part.rows]) if part.rows else part.heading for part in parts)


def variables_table() -> str:
    """The keys that read environment variables."""
    return "\n".join(["| key |", "|---|", *(f"| `{key}` |" for key in declared_keys())])


def _read(model: type[BaseModel], prefix: str, leave_out: set[str]) -> tuple[list[str], list[Part]]:
    """The rows of a section with all sections in it, and the parts of what it chooses from."""
    rows: list[str] = []
    kinds: list[Part] = []
    for name, field in model.model_fields.items():
        if name not in leave_out:
            more_rows, more_kinds = _inner(f"{prefix}{name}", field)
            rows += [_row(f"`{prefix}{name}`", field), *more_rows]
            kinds += more_kinds
    return rows, kinds


def _inner(key: str, field: FieldInfo) -> tuple[list[str], list[Part]]:
    sections, plural = _sections(field.annotation)
    if len(sections) == 1:
        return _read(sections[0], f"{key}.{'NAME.' if plural else ''}", set())
    return [], _kinds(f"{key}.NAME" if plural else key, sections)


def _kinds(key: str, sections: list[type[BaseModel]]) -> list[Part]:
    """A part for each section of which one is chosen; what all have alike stands once, as that of ``*``."""
    if not sections:
        return []
    (chooser,) = [name for name in ("filter", "guard", "adapter", "source", "hop") if name in sections[0].model_fields]
    alike = {name for name in sections[0].model_fields if len({_told(section, name) for section in sections}) == 1}
    parts = []
    if alike:
        rows, _ = _read(sections[0], f"{key}[*].", set(sections[0].model_fields) - alike)
        parts.append(Part(f"### All of `{key}`", rows))
    for section in sections:
        choice = get_args(section.model_fields[chooser].annotation)[0]
        rows, _ = _read(section, f"{key}[{choice}].", alike | {chooser})
        parts.append(Part(f"### `{chooser}: {choice}`", rows or [f"| - | - | nothing but `{chooser}: {choice}` |"]))
    return parts


def _told(section: type[BaseModel], name: str) -> tuple[str, str, str]:
    field = section.model_fields.get(name)
    return (str(field.annotation), _default(field), _meaning(field)) if field else ("", "", "")


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


def _row(key: str, field: FieldInfo) -> str:
    return f"| {key} | {_default(field)} | {_meaning(field)} |"


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
        return "`" + ", ".join(map(str, value)) + "`"
    return f"`{value}`"
