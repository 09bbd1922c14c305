"""YAML text to nodes, by the rules of YAML 1.2 and within limits, or to the problem of the text with its line.

``on``, ``yes`` and ``no`` are text, as are ``010``, ``12:30:45`` and dates, so that values mean what they say. Sizes
are limited, since the file may come from another team.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import yaml
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from extproc.config.problems import ConfigInvalid, FilePlace, Problem, ValueKind
from extproc.config.secrecy import may_be_secret

if TYPE_CHECKING:
    from yaml.nodes import Node

CONFIG_BYTES_MAX = 1_000_000
NODES_MAX = 100_000
DEPTH_MAX = 32

_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # as YAML 1.1 and so PyYAML counts lines
TAG = "tag:yaml.org,2002:"
SCALARS: dict[str, tuple[ValueKind, re.Pattern[str], list[str]]] = {
    TAG + "null": (ValueKind.NOTHING, re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    TAG + "bool": (ValueKind.BOOLEAN, re.compile(r"([tT]rue|TRUE|[fF]alse|FALSE)\Z"), list("tTfF")),
    TAG + "int": (
        ValueKind.NUMBER,
        re.compile(r"([-+]?(0|[1-9][0-9]{0,30})|0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30})\Z"),
        list("-+0123456789"),
    ),
    TAG + "float": (
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
    _Mistake("but got '?'", "a `?` in a text between brackets", "Put the text in quotes."),
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


for _name, (_, _pattern, _beginnings) in SCALARS.items():
    _Loader.add_implicit_resolver(_name, _pattern, _beginnings)
RESOLVERS = _Loader.yaml_implicit_resolvers
"""How PyYAML tells these scalars from text, by their first characters."""


def _check_size(content: bytes, source: str) -> None:
    if len(content) > CONFIG_BYTES_MAX:
        hint = "Long prompts belong in files of their own (`prompt: { file: … }`)."
        raise ConfigInvalid([Problem(source, 1, 1, "", f"more than {CONFIG_BYTES_MAX} bytes", hint=hint)])


def composed(text: str, source: str) -> Node:
    """Compose the YAML node tree of a text.

    Args: source: the file's name, for messages; each node knows it.
    Raises: ConfigInvalid if the text cannot be parsed.
    """
    _check_size(text.encode("utf-8", "surrogatepass"), source)
    try:
        loader = _Loader(text)
        loader.name = source
    except ReaderError as error:
        raise ConfigInvalid([_unprintable(error, text, source)]) from None
    try:
        node = loader.get_single_node()
    except MarkedYAMLError as error:
        raise ConfigInvalid([_syntax_problem(error, text, source)]) from None
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


def _syntax_problem(error: MarkedYAMLError, text: str, source: str) -> Problem:
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
    if "${" in _LINE_END.split(text)[position[0] - 1] and mistake and mistake.at_beginning:
        hint = 'Within `[` and `{`, put `${NAME}` in quotes: `["${NAME}"]`.'
    return Problem(source, *position, "", found, hint=hint)


def place_of(node: Node) -> FilePlace:
    """Where a node begins."""
    return FilePlace(node.start_mark.name, node.start_mark.line + 1, node.start_mark.column + 1)


def kind_of(node: Node) -> ValueKind:
    """The type of a node's value."""
    if isinstance(node, yaml.MappingNode):
        return ValueKind.BLOCK
    if isinstance(node, yaml.SequenceNode):
        return ValueKind.LIST
    kind, pattern, _ = SCALARS.get(node.tag, (ValueKind.TEXT, None, None))
    return kind if pattern is None or pattern.match(node.value) else ValueKind.TEXT


def scalar(kind: ValueKind, text: str) -> object:
    """The value of a scalar."""
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
