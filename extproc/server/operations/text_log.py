"""Log lines for a person: time, level, what happened in words, then the fields that are left.

Whatever a value holds, it cannot forge a line or steer a terminal: characters that do not print are escaped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

LEVEL_CHARS: Final = 7
_COLORS: Final = {"warning": "33", "error": "31", "debug": "2"}
_OUTCOMES: Final = {
    "completed": "answered",
    "rejected": "refused",
    "cut": "cut off",
    "failed": "failed",
    "aborted": "aborted: the client or the model server is gone",
    "upstream_error": "ended with an error of the model server",
    "local_reply": "answered by Envoy itself",
    "passed": "passed on unread",
    "answered": "answered here",
}
"""What became of an exchange, by its outcome."""
_TELLS_WHY: Final = ("rejected", "cut", "failed")
_UNKNOWN: Final = ("", "unknown", "other")

LineWriter = Callable[[str, str, Mapping[str, Any], Mapping[str, Any]], bytes]
"""Writes a line: its level, its event, the fields of all lines, and its own."""


def line_writer(on_terminal: bool, colors: bool) -> LineWriter:
    """How lines are written.

    Args: on_terminal: with the local time of day; else with date and time in UTC.
    """

    def line(level: str, event: str, bound: Mapping[str, Any], own: Mapping[str, Any]) -> bytes:
        fields = {**bound, **own}
        now = datetime.now(UTC)
        time = f"{now.astimezone():%H:%M:%S}" if on_terminal else f"{now:%Y-%m-%dT%H:%M:%SZ}"
        shown = f"{level:{LEVEL_CHARS}}"
        if colors and level in _COLORS:
            shown = f"\x1b[{_COLORS[level]}m{shown}\x1b[0m"
        told = exchange_in_words(fields) if event == "exchange" else _with_fields(event, fields)
        return f"{time} {shown} {told}\n".encode("utf-8", "backslashreplace")

    return line


def exchange_in_words(fields: Mapping[str, Any]) -> str:
    """An exchange: what became of it and why, what was found, and whose it was."""
    outcome = str(fields["outcome"])
    told = f"{_plain(fields['endpoint'] or 'request')} {_OUTCOMES.get(outcome, outcome)}"
    if fields["status"] and outcome != "completed":
        told += f", {fields['status']}"
    if fields["reason"] and outcome in _TELLS_WHY:
        told += f": {_plain(str(fields['reason']).replace('_', ' '))}"
    sentences = [told, *_findings(fields["findings"]), _whose(fields)]
    if fields.get("worker") is not None:
        sentences.append(f"worker {fields['worker']}")
    if "texts" in fields:
        sentences.append(f"texts {_value(fields['texts'])}")
    return ". ".join(filter(None, sentences))


def _findings(findings: Mapping[str, int]) -> list[str]:
    """``pii found EMAIL 2 times in the request``, for each of the guards' findings."""
    told = []
    for key, times in findings.items():
        guard, direction, kind = (_plain(part) for part in key.split("/", 2))
        told.append(f"{guard} found {kind}{f' {times} times' if times > 1 else ''} in the {direction}")
    return told


def _whose(fields: Mapping[str, Any]) -> str:
    model = "/".join(filter(None, (fields["model"], fields["version"])))
    tokens = fields["prompt_tokens"] + fields["completion_tokens"]
    facts = [
        _plain(model),
        *(f"{name} {_plain(fields[name])}" for name in ("team", "project") if fields[name] not in _UNKNOWN),
        f"{tokens} tokens" if tokens else "",
        f"{fields['duration_ms']} ms",
        f"id {_plain(fields['exchange'])}",
    ]
    return ", ".join(filter(None, facts))


def _with_fields(event: str, fields: Mapping[str, Any]) -> str:
    """An event with its fields; problems of the configuration stand below it, a line each."""
    told = " ".join([_plain(event), *(f"{key}={_value(value)}" for key, value in fields.items() if key != "problem")])
    problem = "".join(f"\n    {_plain(line)}" for line in str(fields.get("problem", "")).splitlines())
    return told + problem


def _value(value: object) -> str:
    """A value; text with blanks in quotes."""
    if isinstance(value, str):
        is_bare = value and not any(char in " =\"'" for char in value)
        return _plain(value if is_bare else json.dumps(value, ensure_ascii=False))
    return _plain(json.dumps(value, ensure_ascii=False, default=repr))


def _plain(text: object) -> str:
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in str(text))
