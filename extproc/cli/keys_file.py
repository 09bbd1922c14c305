"""The file of API keys as text: commands change one entry, and leave the rest as somebody wrote it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from extproc.config.api_keys import API_KEYS_BYTES_MAX, ApiKey, is_short_form, parse_api_keys
from extproc.config.problems import ConfigInvalid, Problem
from extproc.config.yaml_nodes import composed, decode
from extproc.config.yaml_tree import read_yaml

HEADING: Final = """\
# API keys of llm-extproc, as hashes: `extproc keys add | list | revoke | rotate`. A key itself is never kept.
keys: []
"""
_OWNER_ONLY: Final = 0o600
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*|sha256:[0-9a-f]{64}")
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class Changed(NamedTuple):
    """A changed text. Attributes: lost_comment: whether a comment within the changed entry is gone."""

    text: str
    lost_comment: bool


def read_keys(file: Path) -> tuple[ApiKey, ...]:
    """The keys of a file. Raises: ConfigInvalid, OSError."""
    return parse_api_keys(text_of(file), str(file))


def text_of(file: Path) -> str:
    """The text of a file. Raises: ConfigInvalid, OSError."""
    with file.open("rb") as stream:
        return decode(stream.read(API_KEYS_BYTES_MAX + 1), str(file))


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keeps other commands from changing the file meanwhile. Raises: OSError."""
    folder = os.open(os.path.dirname(os.path.realpath(file)), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write(file: Path, text: str) -> None:
    """Replace a file at once, with its mode and owner; a new one only its owner may read. Raises: OSError."""
    real = os.path.realpath(file)
    try:
        status = os.stat(real)
    except FileNotFoundError:
        status = None
    descriptor, new = tempfile.mkstemp(dir=os.path.dirname(real), prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), _OWNER_ONLY if status is None else stat.S_IMODE(status.st_mode))
            if status is not None:
                with contextlib.suppress(PermissionError):
                    os.fchown(stream.fileno(), status.st_uid, status.st_gid)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, real)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise


def with_key(text: str, source: str, entry: Mapping[str, Any]) -> Changed:
    """A text with one more key at its end. Raises: ConfigInvalid."""
    keys = _keys_node(text, source)
    if not keys.value:
        return _checked(_spliced(text, keys, f"\n  - {_block(entry, 4)}"), False, source)
    if keys.flow_style:
        return _rewritten(text, source, lambda entries: [*entries, entry])
    end = _line_end(text, _last_scalar(keys).end_mark.index)
    column = keys.start_mark.column
    added = f"{' ' * column}- {_block(entry, column + 2)}\n"
    before = text[:end] if text[:end].endswith("\n") else f"{text[:end]}\n"
    return _checked(before + added + text[end:], False, source)


def with_changed(text: str, source: str, key_id: str, change: Mapping[str, Any]) -> Changed:
    """A text in which one key has other values; None removes one. Raises: ConfigInvalid."""

    def changed(entry: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**entry, **change}.items() if value is not None}

    keys = _keys_node(text, source)
    if keys.flow_style:
        return _rewritten(
            text, source, lambda entries: [changed(one) if one.get("id") == key_id else one for one in entries]
        )
    entries = _entries(text, source)
    number = next(number for number, entry in enumerate(entries) if entry.get("id") == key_id)
    node = keys.value[number]
    start = node.start_mark.index
    end = node.end_mark.index if node.flow_style else _last_scalar(node).end_mark.index
    block = _block(changed(entries[number]), node.start_mark.column)
    return _checked(text[:start] + block + text[end:], "#" in text[start:end], source)


def _rewritten(text: str, source: str, change: Callable[[list[Mapping[str, Any]]], list[Mapping[str, Any]]]) -> Changed:
    """All keys rewritten, a block each: where they stood in one list in brackets."""
    keys = _keys_node(text, source)
    blocks = "".join(f"\n  - {_block(entry, 4)}" for entry in change(_entries(text, source)))
    lost = "#" in text[keys.start_mark.index : keys.end_mark.index]
    return _checked(_spliced(text, keys, blocks), lost, source)


def _checked(text: str, lost_comment: bool, source: str) -> Changed:
    parse_api_keys(text, source)
    return Changed(text, lost_comment)


def _spliced(text: str, node: yaml.Node, new: str) -> str:
    before = text[: node.start_mark.index].rstrip(" ")
    after = text[node.end_mark.index :] or "\n"
    return f"{before}{new}{after}"


def _keys_node(text: str, source: str) -> yaml.SequenceNode:
    """The list of keys. Raises: ConfigInvalid for the short form."""
    root = composed(text, source)
    if isinstance(root, yaml.MappingNode):
        for name, value in root.value:
            if name.value == "keys" and isinstance(value, yaml.SequenceNode):
                return value
    data, places, _ = read_yaml(text, source)
    where = places.place(("keys",))
    found = "the keys are `TEAM: HASH` lines" if is_short_form(data) else "there is no list of keys"
    hint = "This command changes a list: write `- { id: ID, team: TEAM, hash: HASH }` for each."
    raise ConfigInvalid([Problem(*where, "keys", found, hint=hint)])


def _entries(text: str, source: str) -> list[Mapping[str, Any]]:
    data: Any = read_yaml(text, source)[0]
    return list(data["keys"])


def _last_scalar(node: yaml.Node) -> yaml.Node:
    """Where a block ends: its own end mark is after the comments that follow."""
    while isinstance(node, yaml.MappingNode | yaml.SequenceNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _block(entry: Mapping[str, Any], column: int) -> str:
    """An entry as a block whose first key stands at a column."""
    lines = [f"{name}: {_flow(value)}" for name, value in entry.items()]
    return f"\n{' ' * column}".join(lines)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name}: {_flow(one)}' for name, one in value.items())} }}" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(one) for one in value)}]"
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)
