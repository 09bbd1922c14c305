"""YAML text to the typed document, or to all its problems with their lines.

YAML is read by the rules of YAML 1.2: ``on``, ``yes`` and ``no`` are text, as are ``010``, ``12:30:45`` and dates, so
that values mean what they say. Duplicate keys, tags, merge keys and anything else that two parsers could read
differently are rejected. Sizes are limited, since the file may come from another team.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import yaml
from pydantic import ValidationError
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from extproc.config.checks import check_document
from extproc.config.document import Document
from extproc.config.problems import (
    ConfigInvalid,
    KeyPath,
    KeyPosition,
    Places,
    Problem,
    Severity,
    ValueKind,
    by_line,
    shown,
)
from extproc.config.schema import validation_problem
from extproc.config.secrecy import may_be_secret

if TYPE_CHECKING:
    from yaml.nodes import Node

CONFIG_BYTES_MAX = 1_000_000
NODES_MAX = 100_000
DEPTH_MAX = 32
PROBLEMS_MAX = 100

_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # as YAML 1.1 and so PyYAML counts lines
_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, tuple[ValueKind, re.Pattern[str], list[str]]] = {
    _TAG + "null": (ValueKind.NOTHING, re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    _TAG + "bool": (ValueKind.BOOLEAN, re.compile(r"([tT]rue|TRUE|[fF]alse|FALSE)\Z"), list("tTfF")),
    _TAG + "int": (
        ValueKind.NUMBER,
        re.compile(r"([-+]?(0|[1-9][0-9]{0,30})|0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30})\Z"),
        list("-+0123456789"),
    ),
    _TAG + "float": (
        ValueKind.NUMBER,
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?\Z"),
        list("-+.0123456789"),
    ),
}


class _Mistake(NamedTuple):
    """A syntax error in PyYAML's words and in ours; ``at_beginning``: report it where the construct began."""

    fragment: str
    found: str
    hint: str
    at_beginning: bool = False


_MISTAKES = (
    _Mistake("character '\\t'", "a tab", "YAML indents with spaces only: replace the tab by spaces."),
    _Mistake(
        "mapping values are not allowed",
        "an unexpected `:`",
        "Align the line with its sibling keys, look for a missing `:` above it, and put a text with `: ` in quotes.",
    ),
    _Mistake(
        "could not find expected ':'", "a key without `:`", "Write `key: value`, or `- ` before a list entry.", True
    ),
    _Mistake(
        "expected <block end>",
        "wrong indentation",
        "Indent the line like the other keys or entries of its block; if a text begins with a quote, quote all of it.",
    ),
    _Mistake("expected ',' or", "a `[` or `{` that is not closed", "Close it, with `,` between the entries.", True),
    _Mistake("unexpected end of stream", "a quote that is not closed", "Write the closing quote.", True),
    _Mistake("found undefined alias", "an undefined alias (`*name`)", "Define it above with `&name`."),
    _Mistake(
        "unknown escape character", "an unknown `\\` escape", "Use single quotes, or write `\\\\` for a backslash."
    ),
    _Mistake("cannot start any token", "a character that cannot begin a text", "Put the text in quotes."),
    _Mistake("found another document", "a second document (`---`)", "One file holds one configuration: remove it."),
    _Mistake("too many values", f"more than {NODES_MAX} keys and values", "Simplify the file."),
    _Mistake("too many levels", f"more than {DEPTH_MAX} levels of nesting", "Simplify the file."),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid document, the positions of its keys (for later checks), and its warnings."""

    document: Document
    places: Places
    warnings: tuple[Problem, ...]


def parse_document(text: str, source: str) -> Document:
    """Parse a YAML text into a document.

    Args:
        text: the file's text, at most CONFIG_BYTES_MAX bytes of UTF-8.
        source: the file's name, for messages.
    Raises: ConfigInvalid with every problem. Anything else is a bug.
    """
    return load(text, source).document


def load(text: str, source: str) -> Loaded:
    """Like ``parse_document``, with key positions and warnings."""
    tree = _Tree(source)
    data = tree.data(_composed(text, source), ())
    if not isinstance(data, dict):
        expected = "keys such as `models:` and `filters:`"
        raise ConfigInvalid([tree.places.problem((), f"found {tree.places.found(())}", expected=expected)])
    document, invalid = _validated(data, tree.places)
    refused = {(problem.line, problem.column) for problem in tree.problems}
    problems = [*tree.problems, *(one for one in invalid if (one.line, one.column) not in refused)]
    if document is not None:
        problems += check_document(document, tree.places)
    if len(problems) > PROBLEMS_MAX:
        more = tree.places.problem((), f"more than {PROBLEMS_MAX} problems", hint="Fix these first.")
        raise ConfigInvalid([more, *by_line(problems)[:PROBLEMS_MAX]])
    if document is None or any(problem.severity is Severity.ERROR for problem in problems):
        raise ConfigInvalid(problems)
    return Loaded(document, tree.places, tuple(by_line(problems)))


def read_yaml(text: str, source: str) -> tuple[object, Places, list[Problem]]:
    """Plain data of any YAML text, the positions of its keys, and its problems.

    Raises: ConfigInvalid if the text cannot be parsed at all.
    """
    tree = _Tree(source)
    data = tree.data(_composed(text, source), ())
    return data, tree.places, tree.problems


def decode(content: bytes, source: str) -> str:
    """Decode a file.

    Args: content: the file's bytes; CONFIG_BYTES_MAX + 1 of them are enough.
    Raises: ConfigInvalid if it is too large or not UTF-8.
    """
    _check_size(content, source)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        hint = "Save the file as UTF-8 without other encodings in it."
        raise ConfigInvalid([Problem(source, line, column, "", "bytes that are not UTF-8", hint=hint)]) from None


def revision_of(document: Document, prompts: Mapping[str, str]) -> str:
    """Hash of a document and its prompts: 12 hexadecimal digits, equal for equal meaning.

    Args: prompts: text of each prompt file, by its path in the document.
    """
    meaning = json.dumps([document.model_dump(mode="json"), sorted(prompts.items())])
    return hashlib.sha256(meaning.encode()).hexdigest()[:12]


def _validated(data: dict[str, object], places: Places) -> tuple[Document | None, list[Problem]]:
    """The document, or its problems. Goes through JSON: strict pydantic accepts lists and enums only from it."""
    try:
        return Document.model_validate_json(json.dumps(data)), []
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
    problems = (validation_problem(error, places) for error in errors)
    return None, list(islice((problem for problem in problems if problem is not None), PROBLEMS_MAX + 1))


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with YAML 1.2 scalars and limits; only used to compose nodes."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way of replacing them
    depth = 0
    nodes = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self.depth += 1
        self.nodes += 1
        if self.depth > DEPTH_MAX or self.nodes > NODES_MAX:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            limit = "too many levels" if self.depth > DEPTH_MAX else "too many values"
            raise MarkedYAMLError(problem=limit, problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _name, (_, _pattern, _beginnings) in _SCALARS.items():
    _Loader.add_implicit_resolver(_name, _pattern, _beginnings)


def _check_size(content: bytes, source: str) -> None:
    if len(content) > CONFIG_BYTES_MAX:
        hint = "Long prompts belong in files of their own (`prompt: { file: … }`)."
        raise ConfigInvalid([Problem(source, 1, 1, "", f"more than {CONFIG_BYTES_MAX} bytes", hint=hint)])


def _composed(text: str, source: str) -> Node:
    """Compose the YAML node tree of a text."""
    _check_size(text.encode("utf-8", "surrogatepass"), source)
    try:
        loader = _Loader(text)
    except ReaderError as error:
        raise ConfigInvalid([_unprintable(error, text, source)]) from None
    try:
        node = loader.get_single_node()
    except MarkedYAMLError as error:
        raise ConfigInvalid([_syntax_problem(error, source)]) from None
    except (ValueError, OverflowError):
        mark = loader.get_mark()  # PyYAML passes `\U` escapes and version numbers out of range on to `chr` and `int`
        found, hint = "a number that is out of range", "Write the character itself instead of an escape."
        raise ConfigInvalid([Problem(source, mark.line + 1, mark.column + 1, "", found, hint=hint)]) from None
    if node is None:
        hint = "A configuration needs at least `models:` and `filters:`; `extproc check --schema` describes every key."
        raise ConfigInvalid([Problem(source, 1, 1, "", "the file is empty", hint=hint)])
    return node


def _unprintable(error: ReaderError, text: str, source: str) -> Problem:
    before = _LINE_END.split(text[: error.position])
    return Problem(
        source,
        len(before),
        len(before[-1]) + 1,
        "",
        "a control character",
        hint="Remove it, or save the file as UTF-8 text.",
    )


def _syntax_problem(error: MarkedYAMLError, source: str) -> Problem:
    """A syntax error in our words: how to fix it, instead of the parser's state."""
    said = error.problem or ""
    mistake = next((one for one in _MISTAKES if one.fragment in said), None)
    mark = error.problem_mark or error.context_mark
    if mistake and mistake.at_beginning:
        mark = error.context_mark or mark
    found, hint = (
        (mistake.found, mistake.hint) if mistake else ("not YAML" if may_be_secret(said) else f"not YAML: {said}", "")
    )
    position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(source, *position, "", found, hint=hint)


class _Tree:
    """Converts composed YAML to plain data, and records key positions and forbidden constructs."""

    def __init__(self, source: str) -> None:
        self.places = Places(source)
        self.problems: list[Problem] = []
        self._nodes = 0

    def data(self, node: Node, path: KeyPath, key: Node | None = None) -> object:
        """Plain data of a node; each use of an alias counts.

        Raises: ConfigInvalid if the data exceeds its limits.
        """
        kind = _kind(node)
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        self.places.add(path, KeyPosition(_start(key or node), _start(node), kind, text, empty=node.value == []))
        self._nodes += 1
        if self._nodes > NODES_MAX or len(path) > DEPTH_MAX:
            found = f"more than {NODES_MAX} values or {DEPTH_MAX} levels, aliases counted where they are used"
            raise ConfigInvalid([self.places.problem(path[:1], found, hint="Write the blocks out.", at_key=True)])
        self._check_tag(node, path)
        if isinstance(node, yaml.MappingNode):
            return self._block(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.data(entry, (*path, index)) for index, entry in enumerate(node.value)]
        return _scalar(kind, self._text(node, path))

    def _block(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        block: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in block:
                found = f"duplicate key, first on line {self.places.line(here)}"
                self._refuse(key_node, here, found, "Keep one of the two.")
                continue
            block[key] = self.data(value_node, here, key_node)
        return block

    def _key(self, node: Node, path: KeyPath) -> str | None:
        """The name of a key; None if it is not a valid key."""
        if not isinstance(node, yaml.ScalarNode):
            hint = "A template such as `{{ name }}` must be filled in first; a text with brackets needs quotes."
            self.problems.append(self.places.problem(path, "a key that is itself a block or a list", hint=hint))
            return None
        if node.value == "<<":
            self._refuse(node, path, "a merge key (`<<`)", "Write the keys out, or use an alias for a whole block.")
            return None
        name = self._text(node, path)
        kind = _kind(node)
        if kind is not ValueKind.TEXT:
            hint = f'Write it in quotes: "{name}".' if name else "Write a name before the `:`."
            self._refuse(node, (*path, name), f"the name is read as {kind}", hint)
        return name

    def _text(self, node: Node, path: KeyPath) -> str:
        text = str(node.value)
        if any("\ud800" <= char <= "\udfff" for char in text):
            self._refuse(node, path, "half of a surrogate pair", "Write the character itself instead of an escape.")
            return "".join(char for char in text if not "\ud800" <= char <= "\udfff")
        return text

    def _check_tag(self, node: Node, path: KeyPath) -> None:
        known = {_TAG + "str", _TAG + "seq", _TAG + "map"}
        if node.tag in known or (node.tag in _SCALARS and _kind(node) is not ValueKind.TEXT):
            return
        tag = "!!" + node.tag.removeprefix(_TAG) if node.tag.startswith(_TAG) else node.tag
        hint = "YAML tags are not supported. Remove it."
        self._refuse(node, path, f"the tag {shown(tag)}", hint)

    def _refuse(self, node: Node, path: KeyPath, found: str, hint: str) -> None:
        self.problems.append(self.places.problem_at(_start(node), path, found, hint=hint))


def _start(node: Node) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1)


def _kind(node: Node) -> ValueKind:
    if isinstance(node, yaml.MappingNode):
        return ValueKind.BLOCK
    if isinstance(node, yaml.SequenceNode):
        return ValueKind.LIST
    kind, pattern, _ = _SCALARS.get(node.tag, (ValueKind.TEXT, None, None))
    return kind if pattern is None or pattern.match(node.value) else ValueKind.TEXT


def _scalar(kind: ValueKind, text: str) -> object:
    match kind:
        case ValueKind.NOTHING:
            return None
        case ValueKind.BOOLEAN:
            return text.lower() == "true"
        case ValueKind.NUMBER if any(char in text.lower() for char in ".e") and not text.startswith("0x"):
            return float(text)
        case ValueKind.NUMBER:
            return int(text, 0)
        case _:
            return text
