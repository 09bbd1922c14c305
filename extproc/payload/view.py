"""The common view of all dialects' bodies, so that each filter is written once.

A request is a list of ``TextField``; an unstreamed response and a streamed event are lists of ``Slot``. Both hold the
place of a text and its author (``TextSource``), and nothing about the dialect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import orjson

from extproc.domain.errors import refuse
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.domain.usage import Usage
from extproc.payload.edits import Edit, Operation, Path, apply_edits
from extproc.payload.ends import TOLD_ENDS, End
from extproc.payload.named_tools import NamedTool
from extproc.payload.request_shape import NO_SHAPE, RequestShape

# First part number of texts that no dialect names, so that they never share a channel with a named one.
UNNAMED_PART_FIRST: Final = 1 << 32
_MESSAGE_DEPTH: Final = 2  # ("messages", 3, ...): texts whose paths share this prefix are of one message
# Shorter numbers identify nobody.
NUMBER_MIN: Final = 1_000_000
# Words of JSON Schema whose numbers are bounds: a mask in one would break the schema.
_BOUNDS: Final = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "minContains",
        "maxContains",
    }
)


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """The content that a request may hold although no guard can read it; see ``requests`` of the configuration."""

    json_depth_max: int
    token_ids_pass: bool = False
    media_pass: bool = False
    template_kwargs: frozenset[str] = frozenset()


@dataclass(slots=True)
class TextField:
    """One text of a request: its place in the body, and its source.

    ``keys``: it is the names of all keys in the value at ``path``, one per line: they can be checked, but not replaced.
    ``is_part``: it is the main text of a content part. ``is_whole``: it is the whole content. ``known_clean``: the
    guards have checked the same text before and found nothing. ``found``: they have found something in it. ``of``: the
    place of its message, if the dialect must specify it.
    """

    source: TextSource
    path: Path
    text: str
    keys: bool = False
    is_part: bool = False
    is_whole: bool = False
    known_clean: bool = False
    found: bool = False
    of: Path = ()

    @property
    def message(self) -> Path:
        """The common path of the texts of one message."""
        return self.of or self.path[:_MESSAGE_DEPTH]


@dataclass(slots=True)
class RequestView:
    """A request body, as filters see it. ``choices`` is the number of requested choices, ``own_ends`` the ends that
    count as the model's own. ``readings`` is how often a model may read the texts, at most. The ``shape`` is the
    dialect's: it locates the data that filters need.
    """

    body: bytes
    tree: dict[str, Any]
    canonical: bool
    texts: list[TextField]
    model: str | None
    streamed: bool
    choices: int = 1
    readings: int = 1
    user: str | None = None
    usage_asked: bool = False
    unread: tuple[str, ...] = ()  # kinds of content that no guard could read, allowed by policy
    shown: dict[str, Any] = field(
        default_factory=dict
    )  # fields of the response that the client sees with the values of its request
    served_model: str | None = None  # what the model server calls the model, if that is another name
    edits: list[Edit] = field(default_factory=list)
    own_ends: frozenset[End] = TOLD_ENDS
    inserted: str = ""  # the inserted system prompt
    inserted_replaces: bool = False  # it replaces the client's own
    shape: RequestShape = NO_SHAPE

    @property
    def message_count(self) -> int:
        """The number of messages."""
        return len(self.shape.messages(self.tree))

    @property
    def has_system(self) -> bool:
        """Whether the client sends a system prompt, in any message."""
        return any(text_field.source.speaker is Speaker.SYSTEM for text_field in self.texts)

    @property
    def spoken_texts(self) -> list[TextField]:
        """Texts of messages, of the system prompt and of other prompts."""
        spoken = self.shape.spoken
        return [text_field for text_field in self.texts if text_field.path[0] in spoken]

    @property
    def speakers(self) -> set[Speaker]:
        """The speakers of the request; a message without text counts too."""
        speakers = {text_field.source.speaker for text_field in self.texts}
        spoken = [self.shape.speaker_of(message) for message in self.shape.messages(self.tree)]
        return speakers | {speaker for speaker in spoken if speaker is not None}

    @property
    def is_prefilled(self) -> bool:
        """Whether the model continues the last message instead of responding to it."""
        return self.shape.is_prefilled(self.tree)

    @property
    def media_addresses(self) -> list[tuple[str, str]]:
        """Addresses that the server would fetch, each with the speaker of its message; inline data is excluded."""
        addresses = self.shape.media_addresses(self.tree)
        return [("" if speaker is None else speaker.value, address) for speaker, address in addresses]

    @property
    def tool_count(self) -> int:
        """The number of defined tools."""
        return len(self.shape.tool_definitions(self.tree))

    @property
    def named_tools(self) -> Iterator[NamedTool]:
        """Tools that are defined, and those that the tool choice names."""
        return self.shape.named_tools(self.tree)

    @property
    def runs_tools(self) -> bool:
        """Whether any tool is not a function that the client runs."""
        return self.shape.runs_tools(self.tree)

    @property
    def response_lengths(self) -> list[int]:
        """The limits on the response's length, one per field; empty if there are none. [tokens]"""
        return self.shape.lengths(self.tree)

    @property
    def wants_json(self) -> bool:
        """Whether the response's content must be JSON."""
        return self.shape.wants_json(self.tree)

    @property
    def schemas(self) -> dict[str, Any]:
        """The schema of each tool's arguments by its name, and that of the response's content under ``""``."""
        return self.shape.schemas(self.tree)

    def is_prose(self, text_field: TextField) -> bool:
        """Whether an external text may be wrapped in other words: it is not JSON, and no citation counts in it."""
        return self.shape.is_prose(text_field.path, text_field.text)

    def is_said(self, text_field: TextField) -> bool:
        """Whether an external text is something that is said: it is not a name or an identifier."""
        return self.shape.is_said(text_field.path)

    def replace_text(self, text_field: TextField, text: str) -> None:
        """Replace a text. Raises: PayloadRefused (400) if the text is names of keys."""
        if text == text_field.text:
            return
        if text_field.keys:
            where = str(text_field.path[0])
            raise refuse(
                400, "key_not_maskable", f"The name of a key in {where} may not be sent, and cannot be masked.", where
            )
        text_field.text = text
        self.set(text_field.path, text)

    def set(self, path: Path, value: Any) -> None:
        """Set a value, or add a key."""
        self.edits.append(Edit(Operation.SET, path, value))

    def insert_first(self, path: Path, value: Any) -> None:
        """Insert an item before the first of an array."""
        self.edits.append(Edit(Operation.INSERT_FIRST, path, value))

    def body_after(self) -> bytes:
        """The body with all changes; everything else is preserved byte for byte."""
        body = apply_edits(self.body, self.tree, self.canonical, self.edits)
        self.edits = []
        return body

    def show_own(self) -> None:
        """Let a response that repeats the system prompt show the client's own."""
        if self.shape.repeated:
            self.shown[self.shape.repeated] = self.tree.get(self.shape.repeated)

    def release(self) -> None:
        """Release the body and its texts: only the response is still needed, which may take long."""
        self.body, self.tree, self.texts = b"", {}, []


@dataclass(slots=True)
class Slot:
    """One text of a response: ``holder[key]`` is the text, or a JSON value if ``structured``.

    A ``complete`` text arrives in one event (a tool's name, an error): its channel can be closed after it, so none of
    it is held. Several complete texts may share a channel; ``place`` distinguishes them across events.
    """

    source: TextSource
    holder: Any
    key: str | int
    structured: bool = False
    complete: bool = False
    place: int = 0

    @property
    def may_be_cut(self) -> bool:
        """Whether the server may have truncated the text; it writes names, and texts outside of choices, whole."""
        return not self.complete and self.source.kind not in (Kind.NAME, Kind.ASIDE)

    @property
    def text(self) -> str:
        """The text; a structured value as compact JSON."""
        value = self.holder[self.key]
        return orjson.dumps(value).decode() if self.structured else value

    def put(self, text: str) -> None:
        """Replace the text. A structured value that was truncated is emptied."""
        if not self.structured:
            self.holder[self.key] = text
            return
        try:
            self.holder[self.key] = orjson.loads(text)
        except orjson.JSONDecodeError:
            self.holder[self.key] = {}


@dataclass(frozen=True, slots=True)
class Copy:
    """A part of a response that repeats text unmasked (log probabilities, token ids); ``empty`` is its replacement.

    ``of_prompt``: it repeats the model's input, not its output.
    """

    holder: Any
    key: str
    empty: Any = None
    of_prompt: bool = False


@dataclass(frozen=True, slots=True)
class CopyRules:
    """Which copies must be removed: all of them if responses may change, those of the prompt if texts were put into it.

    ``drops_inserted``: those of the prompt, if the version has one that is inserted.
    """

    drops_all: bool = False
    drops_prompt: bool = False
    drops_inserted: bool = False

    def where(self, inserted: bool, fenced: bool) -> CopyRules:
        """The rules for an exchange in which a prompt was ``inserted`` or texts were ``fenced``, or not."""
        drops_prompt = fenced or (inserted and self.drops_inserted)
        return CopyRules(self.drops_all, drops_prompt=True) if drops_prompt else self

    def drop_from(self, copies: Sequence[Copy]) -> bool:
        """Remove copies as required. Returns: whether there were any."""
        if not copies:
            return False
        dropped = [copy for copy in copies if self.drops_all or (self.drops_prompt and copy.of_prompt)]
        for copy in dropped:
            copy.holder[copy.key] = copy.empty
        return bool(dropped)


@dataclass(slots=True)
class ResponseView:
    """An unstreamed response: its texts, in the order of a stream."""

    tree: dict[str, Any]
    slots: list[Slot]
    usage: Usage | None = None
    copies: list[Copy] = field(default_factory=list)
    finished: tuple[int, ...] = ()  # choices that have ended by themselves
    cut_short: tuple[int, ...] = ()  # those of them that reached the token limit
    ends: dict[int, End] = field(default_factory=dict)  # how each of them ended
    finishes: dict[int, str] = field(default_factory=dict)  # their finish reasons
    changed: bool = False  # must be serialized again even if its texts do not change

    def show(self, fields: Mapping[str, Any]) -> bool:
        """Set the fields that the client sees with the values of its request (the model's name). Returns: whether
        that changed anything.
        """
        changed = any(self.tree.get(key) != value for key, value in fields.items())
        self.tree.update(fields)
        return changed

    def write(self) -> bytes:
        """The body with its changed slots."""
        return orjson.dumps(self.tree)


@lru_cache(1_024)
def response_source(kind: Kind, choice: int, part: int = 0) -> TextSource:
    """A channel of the response."""
    return TextSource(Direction.RESPONSE, Speaker.ASSISTANT, kind, choice, part)


@lru_cache
def request_source(speaker: Speaker, kind: Kind = Kind.CONTENT) -> TextSource:
    """A text of the request."""
    return TextSource(Direction.REQUEST, speaker, kind)


def text_fields(value: Any, path: Path, source: TextSource) -> list[TextField]:
    """Every text in a JSON value, as fields of the same source; ``value`` may itself be a string.

    Texts are strings, the names of keys (servers show the model whole objects), and numbers whose integer part is long
    enough to be a card or phone number. Excluded are numbers in definitions that are bounds of schemas, or settings.
    """
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [TextField(source, path, value)]
    fields: list[TextField] = []
    names: dict[str, None] = {}
    _collect(value, path, source, fields, names)
    if names:
        fields.append(TextField(source, path, "\n".join(names), keys=True))
    return fields


def _collect(value: Any, path: Path, source: TextSource, fields: list[TextField], names: dict[str, None]) -> None:
    if isinstance(value, str):
        if value:
            fields.append(TextField(source, path, value))
    elif isinstance(value, dict):
        for key, child in value.items():
            names[key] = None
            _collect(child, (*path, key), source, fields, names)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _collect(child, (*path, index), source, fields, names)
    elif isinstance(value, (int, float)) and abs(value) >= NUMBER_MIN and not _is_setting(source, path):
        fields.append(TextField(source, path, _digits_of(value)))


def _is_setting(source: TextSource, path: Path) -> bool:
    """Whether a number is a bound of a schema, or a field of the request like ``seed``."""
    return source.speaker is Speaker.DEFINITION and (len(path) == 1 or path[-1] in _BOUNDS)


def _digits_of(number: int | float) -> str:
    """A number as digits without an exponent; an integer without a decimal point."""
    if isinstance(number, float) and not number.is_integer():
        return repr(number)
    return str(int(number))


def expect_object(value: Any, param: str | None = None) -> dict[str, Any]:
    """The value, if it is a JSON object. Raises: PayloadRefused (400)."""
    if not isinstance(value, dict):
        raise refuse(400, "invalid_type", f"{param or 'The body'} must be a JSON object.", param)
    return value


def expect_bool(tree: dict[str, Any], key: str) -> bool:
    """A boolean field, absent and null as false. A string or a number is refused: servers coerce them. Raises: 400."""
    value = tree.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise refuse(400, "invalid_type", f"{key} must be true or false.", key)


def expect_count(tree: dict[str, Any], key: str) -> int:
    """A positive integer field, absent and null as 1. Raises: PayloadRefused (400)."""
    value = tree.get(key)
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000:
        raise refuse(400, "invalid_type", f"{key} must be an integer from 1 to 1000.", key)
    return value


def expect_text(tree: dict[str, Any], key: str) -> str | None:
    """A string field, or None if absent or null. Raises: PayloadRefused (400)."""
    value = tree.get(key)
    if value is None or isinstance(value, str):
        return value
    raise refuse(400, "invalid_type", f"{key} must be a string.", key)
