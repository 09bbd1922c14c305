"""Environment variables in values: ``${NAME}`` or ``${NAME:default}``, in the keys that the schema declares.

A variable that is empty counts as not set: no address, URL or path is empty. ``$${NAME}`` is the text ``${NAME}``,
everywhere. What a variable holds is never in a message: a value is called by what the file says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from extproc.config.problems import KeyPath, Places, Problem, names, shown
from extproc.config.schema import SchemaNode, declared_keys, mapped, schema_of
from extproc.config.secrecy import is_key_itself

VARIABLE_CHARS_MAX = 128
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_A_SHELL = ("-", "=", "?", "+")
_ELSEWHERE = "os.environ/"
_BARE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")


class Unexpandable(Exception):
    """A reference that cannot be followed: what was found, and how to fix it."""

    def __init__(self, found: str, hint: str) -> None:
        super().__init__(found)
        self.found = found
        self.hint = hint


class Expanded(NamedTuple):
    """A document with its variables filled in, and what the file says at these keys."""

    data: object
    written: dict[KeyPath, str]
    problems: list[Problem]


def expanded_text(text: str, environment: Mapping[str, str]) -> str:
    """A text with its references replaced, once: a variable's value is not read again. Raises: Unexpandable."""
    bare = _BARE.match(text)
    if bare:
        name = bare[0].removeprefix("$")
        raise Unexpandable(f"found {shown(text)}", f"Write {shown(f'${{{name}}}{text[bare.end() :]}')}.")
    return _REFERENCE.sub(lambda match: _value(match, environment), text)


def has_reference(text: str) -> bool:
    """Whether a text names a variable, or escapes one."""
    return "${" in text


def without_references(text: str) -> str:
    """The text of a key in which variables are not read: escapes undone. Raises: Unexpandable for a reference."""
    for match in _REFERENCE.finditer(text):
        if match[0] != "$${" and match[1] is not None and _NAME.match(match[1]):
            raise Unexpandable("an environment variable, which is not read here", elsewhere_hint())
    return text.replace("$${", "${")


def expanded(data: object, places: Places, environment: Mapping[str, str]) -> Expanded:
    """Fill in the variables of a document. Values of other types than text are left alone."""
    if not any(map(_may_refer, _texts_of(data))):  # the schema says where, and making it takes a tenth of a second
        return Expanded(data, {}, [])
    work = _Work(places, environment)
    return Expanded(mapped(data, work.text), work.written, work.problems)


def _may_refer(text: str) -> bool:
    """Whether a text may be about a variable, rightly or not."""
    return has_reference(text) or text.startswith((_ELSEWHERE, "$"))


def _texts_of(data: object) -> Iterator[str]:
    """The values of a document that are texts."""
    if isinstance(data, str):
        yield data
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for one in inner:
        yield from _texts_of(one)


class _Work:
    def __init__(self, places: Places, environment: Mapping[str, str]) -> None:
        self._places = places
        self._environment = environment
        self.written: dict[KeyPath, str] = {}
        self.problems: list[Problem] = []

    def text(self, text: str, shape: SchemaNode, path: KeyPath) -> str:
        """A text with its variables filled in."""
        is_declared = "environment" in shape
        if not _may_refer(text):
            return text
        try:
            if text.startswith(_ELSEWHERE):
                name = text.removeprefix(_ELSEWHERE)
                raise Unexpandable(f"found {shown(text)}", _os_environ_hint(name, is_declared))
            if "environment" in schema_of(shape, [text], 0):
                listed = f'["{text}"]'
                raise Unexpandable(f"found {shown(text)}, expected a list", f"Write {shown(listed)}.")
            if not is_declared:
                return without_references(text)
            new = expanded_text(text, self._environment)
        except Unexpandable as unexpandable:
            hint = _name_hint(text) if path[-1:] == ("api_key_env",) else unexpandable.hint
            self.problems.append(self._places.problem(path, unexpandable.found, hint=hint))
            return text
        if _REFERENCE.sub("", text.replace("$${", "")) != text.replace("$${", ""):
            self.written[path] = text
            self._places.hide(path)
        return new


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    if match[0] == "$${":
        return "${"
    if match[1] is None:
        raise Unexpandable("a `${` that is not closed", "Write `${NAME}` or `${NAME:default}`, without `{` in it.")
    name, colon, default = match[1].partition(":")
    if not _NAME.fullmatch(name) or len(name) > VARIABLE_CHARS_MAX or is_key_itself(name):
        hint = "Write `${NAME}` or `${NAME:default}`; a name has letters, digits and `_`."
        raise Unexpandable("a `${...}` without the name of an environment variable", hint)
    if colon and default.startswith(_OF_A_SHELL):
        raise Unexpandable(
            f"the default of {shown(name)} begins with `{default[0]}`",
            "Write `${NAME:default}`: what follows the `:` is the default.",
        )
    value = environment.get(name) or default
    if not value and not colon:
        hint = "Set it where llm-extproc runs, or write `${NAME:default}`."
        raise Unexpandable(f"the environment variable {shown(name)} is not set, and has no default", hint)
    return value


def elsewhere_hint() -> str:
    """Where variables are read."""
    keys = names(sorted({path.rpartition(".")[2].removesuffix("[]") for path in declared_keys()}))
    return f"Write the value here, or `$${{` for a text with `${{`. Variables are read in addresses and paths: {keys}."


def _os_environ_hint(name: str, is_declared: bool) -> str:
    written = shown(f"${{{name}}}")
    return f"Write {written}." if is_declared else elsewhere_hint()


def _name_hint(text: str) -> str:
    name = text.removeprefix(_ELSEWHERE).strip("${}")
    return f"Write the variable's name alone: {shown(name)}." if _NAME.fullmatch(name) else "Write a variable's name."
