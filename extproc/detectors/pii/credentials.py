"""Credentials: keys and tokens by shape, web tokens, passwords in URLs, and values labeled as a password or key.

A value after ``password=`` counts if it looks random: code that handles passwords has names, calls and placeholders
there.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any, Final

from extproc.detectors.pii.beginnings import BeginningFinder, Begun, ending_like, first_of, shaped_like
from extproc.detectors.pii.gates import GateFamily
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.pattern_beginnings import Beginnings
from extproc.detectors.pii.recognizer import CELL_END, Recognizer, Spans, word_holding
from extproc.detectors.pii.secret_patterns import (
    LETTERS_ONLY_GATE,
    NAMED_BEGINNINGS,
    SECRET_CHARACTERS_MIN,
    SECRET_PATTERNS,
    UNNAMED_BEGINNINGS,
    secret_may_begin,
    secret_plausible,
)
from extproc.detectors.text.latin1 import WORD_BYTES, latin1_pattern

# --- by shape ------------------------------------------------------------------------------------------------------


_LETTER_AND_DIGIT: Final = latin1_pattern(
    rf"[A-Za-z][^{CELL_END}]*[0-9]|[0-9][^{CELL_END}]*[A-Za-z]|{LETTERS_ONLY_GATE}"
)
"""A word with a token contains one of these: numbers alone are no token."""


def _secrets(subject: bytes, text: str, begin: int) -> Spans:
    yield from _assigned(subject, text, begin)
    if len(subject) - begin < SECRET_CHARACTERS_MIN or _LETTER_AND_DIGIT.search(subject, begin) is None:
        return
    for pattern in SECRET_PATTERNS:
        for match in pattern.finditer(subject, begin):
            start, end = match.span()
            inside_word = start and (subject[start - 1] in WORD_BYTES and subject[start - 1] != 0x5F)
            goes_on = end < len(subject) and subject[end] in WORD_BYTES
            if not inside_word and not goes_on and secret_plausible(text[start:end]):
                yield start, end, 0.95


_JWT_SHAPE: Final = r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"
_JWT: Final = latin1_pattern(_JWT_SHAPE)


def _web_tokens(subject: bytes, _text: str, begin: int) -> Spans:
    for match in _JWT.finditer(subject, begin):
        start, end = match.span()
        if not start or subject[start - 1] not in WORD_BYTES:
            yield start, end, 0.95


# --- passwords in addresses ----------------------------------------------------------------------------------------

_USERINFO: Final = latin1_pattern(
    rf"[A-Za-z][A-Za-z0-9+.\-]{{1,20}}://([^/?#@:{CELL_END}]{{0,128}}:[^/?#{CELL_END}]{{1,256}})@[^/?#@{CELL_END}]"
)
_PLACEHOLDERS: Final = frozenset({
    "password", "passwd", "pass", "pwd", "secret", "token", "xxx", "xxxx", "xxxxx", "changeme", "your_password",
    "yourpassword", "your-password", "mypassword", "example", "placeholder", "redacted", "none", "null", "true",
    "false",
})  # fmt: skip
"""Placeholder passwords in examples."""


def _url_credentials(subject: bytes, text: str, begin: int) -> Spans:
    for match in _USERINFO.finditer(subject, begin):
        start, end = match.span(1)
        password = text[start:end].partition(":")[2]
        variable = password[0] in "$%*<{(" or password.strip("*xX.-_") == ""
        if not variable and password.lower() not in _PLACEHOLDERS:
            yield start, end, 0.9


# --- what is said to be a secret -----------------------------------------------------------------------------------

_KEY_WORDS: Final = (
    r"(?:api|access|auth|secret|private|account|encryption|signing|shared|service|master|license|admin)"
    r"[_\- ]?(?:access[_\- ]?)?key|token|secret|credentials?"
    r"|heroku[a-z0-9_\- ]{0,24}(?:key)?"
)
_PASSWORD_WORDS: Final = (
    r"password|passwd|pwd|passphrase|passcode|passwort|kennwort|mot de passe|contrase(?:\xF1|n)a|senha"
)
_NAME_BEGINS: Final = r"(?:^|[^A-Za-z]|[a-z_\-])"
_ASSIGNS: Final = (
    r"(?:[\"'`]?[ \xA0\t]{0,3}(?::=|=>|[:=]|\b(?:is|was|ist|est|es|to)\b)[ \xA0\t]{0,3}[\"'`]?|\n"
    r"|[\"']?,?[ \xA0\t\n]{1,12}[\"']?value[\"']?[ \xA0]{0,2}[:=][ \xA0]{0,2}[\"']?)"  # name and value apart
)
_KEY_CUE: Final = latin1_pattern(rf"(?i){_NAME_BEGINS}(?:{_KEY_WORDS}){_ASSIGNS}$|\b(?:bearer|basic)[ \xA0]$")
_PASSWORD_CUE: Final = latin1_pattern(
    rf"(?i){_NAME_BEGINS}(?:{_PASSWORD_WORDS})(?:{_ASSIGNS}|[ \xA0][\"'`]?)$"
    r"|@[A-Za-z0-9.\-]{3,60} / $"  # format of leaked account lists
)
_HEADER: Final = (
    r"(?:authorization|(?:^|[^a-z])(?:x|api|auth|access|private|secret)[a-z_\-]{0,20}[_\-](?:key|token))"
    r"[\"']?[ \xA0]{0,3}:[ \xA0]{0,3}[\"']?"
)
_HEADER_CUE: Final = latin1_pattern(rf"(?i){_HEADER}(?:(?:bearer|token|api-?(?:key|token))[ \xA0])?$")
_BASIC_CUE: Final = latin1_pattern(rf"(?i){_HEADER}basic[ \xA0]$")
_CURL_USER_CUE: Final = latin1_pattern(
    r"(?:^|[ \"'\n])(?:-u|--(?:proxy-)?user)[ =]{1,2}[\"']?([^ :\"'\n]{0,32}:[\"']?)?$"
)
_ANY_WORD: Final = latin1_pattern(
    r"(?i)key|token|secret|credential|heroku|bearer|basic|pass|pwd|kennwort|contrase|senha| / |authorization"
    r"| -u[ =]|-user[ =]"
)
_CUE_CHARS_MAX: Final = 40
_VALUE: Final = latin1_pattern(f"[^{CELL_END}]+")
_VALUE_CHARS_MAX: Final = 2_048
_PARAMETER: Final = latin1_pattern(r"&[A-Za-z_.\-]{1,40}=")
_KEY_CHARS_MIN: Final = 16
_PASSWORD_CHARS_MIN: Final = 8
_PASSWORD_DISTINCT_MIN: Final = 5
_DISTINCT_MIN: Final = 8
_KEY_SHAPE: Final = latin1_pattern(r"^[A-Za-z0-9+/_.~\-]+={0,3}$")
_CODE: Final = latin1_pattern(
    r"^[$%]|[()]|^[a-z_]+[.:/]|//|::|^[0-9.\-:/+]+$|^[A-Z]?[a-z]+[0-9]{0,2}$"
    r"|^[A-Za-z]+[0-9]{0,2}(?:[_.\-](?:[A-Za-z]+[0-9]{0,2}|[0-9]{1,2}))+$|^[A-Z]{2,}(?:_[A-Z0-9]+)+$"
)
"""Variables, calls, attributes, addresses, numbers, words, words joined by hyphens and dots, and NAMES_LIKE_THIS_1."""
_DIGITS: Final = latin1_pattern(r"[0-9]+")
_LETTER: Final = latin1_pattern(r"[A-Za-z]")
_KINDS_OF_CHARACTERS: Final = [latin1_pattern(kind) for kind in (r"[0-9]", r"[a-z]", r"[A-Z]", r"[^A-Za-z0-9_.\-:/]")]
_BEYOND_LOWER_CASE: Final = r"[^a-z0-9_.\-:/]"  # of the last two kinds
_SECRET_GATE: Final = "|".join((
    word_holding(_PASSWORD_CHARS_MIN, "[0-9]", _BEYOND_LOWER_CASE),
    word_holding(_KEY_CHARS_MIN, "[0-9]"),
))  # fmt: skip
"""Shorter or less varied values are not secrets, like most words with a digit: ``32-page``, ``covid-19``."""
_MAY_BE_SECRET: Final = latin1_pattern(_SECRET_GATE)


def _assigned(subject: bytes, text: str, begin: int) -> Spans:
    """Values directly after a word for a secret."""
    if _ANY_WORD.search(subject[max(0, begin - _CUE_CHARS_MAX) :]) is None:
        return
    for first, end in _values(subject, begin, _MAY_BE_SECRET):
        start = _value_start(subject, first, end)
        end = _value_end(subject, start, end)
        if not _PASSWORD_CHARS_MIN <= end - start <= _VALUE_CHARS_MAX:
            continue
        value = subject[start:end]
        if _CODE.search(value) is None and text[start:end].lower() not in _PLACEHOLDERS:
            score = _assigned_score(value, subject[max(0, start - _CUE_CHARS_MAX) : start], subject[end : end + 1])
            if score:
                yield start, end, score


def _values(subject: bytes, begin: int, wanted: Any) -> Iterator[tuple[int, int]]:
    """Start and end of each word that matches the pattern; in a URL with parameters, of each parameter."""
    for match in _VALUE.finditer(subject, begin):
        if wanted.search(match.group()) is None:
            continue
        first, end = match.span()
        if b"&" in subject[first:end]:
            for parameter in _PARAMETER.finditer(subject[:end], first):
                yield first, parameter.start()
                first = parameter.start() + 1
        yield first, end


def _assigned_score(value: bytes, before: bytes, after: bytes) -> float:
    """Confidence that this is a secret, from its surroundings; 0 for none."""
    if _key_plausible(value) and _KEY_CUE.search(before) is not None:
        return 0.8
    if _password_plausible(value) and _PASSWORD_CUE.search(before) is not None:
        return 0.7
    if _BASIC_CUE.search(before) is not None:
        return 0.8 if _is_basic(value) else 0.0
    if not _made_up(value):
        return 0.0
    if _KEY_SHAPE.search(value) is not None and _HEADER_CUE.search(before) is not None:
        return 0.8
    user = _CURL_USER_CUE.search(before)
    return 0.8 if user is not None and (user.group(1) or after == b":") else 0.0


def _value_start(subject: bytes, first: int, end: int) -> int:
    """Start of the value in a word that may be ``name=value`` or ``name:value``."""
    limit = min(end, first + 64)
    places = [place for place in (subject.find(b"=", first, limit), subject.find(b":", first, limit)) if place >= 0]
    place = min(places, default=-1)
    return place + 1 if place >= 0 and subject[place:end].strip(b":=") else first


def _value_end(subject: bytes, start: int, end: int) -> int:
    """Without sentence punctuation at the end."""
    while end > start and subject[end - 1] in b".:?)*":
        end -= 1
    return end


def _key_plausible(value: bytes) -> bool:
    """Long, of typical key characters, and varied; a single number in it may be part of a name, two are not."""
    if len(value) < _KEY_CHARS_MIN or len(set(value)) < _DISTINCT_MIN or _KEY_SHAPE.search(value) is None:
        return False
    numbers = _DIGITS.findall(value)
    return len(numbers) >= 2 or len(b"".join(numbers)) >= 3


def _password_plausible(value: bytes) -> bool:
    """A digit and two of lower case, upper case and symbols, as password policies require."""
    kinds = [kind.search(value) is not None for kind in _KINDS_OF_CHARACTERS]
    return kinds[0] and sum(kinds) >= 3 and len(set(value)) >= _PASSWORD_DISTINCT_MIN


def _made_up(value: bytes) -> bool:
    """Enough where only a secret can occur: letters, a digit, and some variation."""
    return (
        len(set(value)) >= _PASSWORD_DISTINCT_MIN
        and _DIGITS.search(value) is not None
        and _LETTER.search(value) is not None
    )


def _is_basic(value: bytes) -> bool:
    """Whether it is HTTP Basic credentials: Base64 of user, colon and password."""
    try:
        return b":" in base64.b64decode(value, validate=True)
    except ValueError:
        return False


# --- what a text that is cut off may end with ----------------------------------------------------------------------

_NAMED_CHARS_MIN: Final = 12
_UNNAMED_CHARS_MIN: Final = 24
_JWT_CHARS_MIN: Final = 13
_ASSIGNED_CHARS_MIN: Final = 5
_PORT: Final = latin1_pattern(r"^[0-9]{1,5}$")


def _in_word(subject: bytes, start: int) -> bool:
    return start > 0 and subject[start - 1] in WORD_BYTES and subject[start - 1] != 0x5F


def _named_begins(subject: bytes, text: str, start: int) -> bool:
    return not _in_word(subject, start) and secret_may_begin(text[start:], _NAMED_CHARS_MIN)


def _unnamed_begins(subject: bytes, text: str, start: int) -> bool:
    return not _in_word(subject, start) and secret_may_begin(text[start:], _UNNAMED_CHARS_MIN)


def _web_token_begins(subject: bytes, text: str, start: int) -> bool:
    return len(text) - start >= _JWT_CHARS_MIN and (not start or subject[start - 1] not in WORD_BYTES)


def _user_begins(_subject: bytes, text: str, start: int) -> bool:
    """After a host comes its port, after a user the password."""
    password = text[start:].rstrip("@").partition("://")[2].partition(":")[2]
    variable = password[:1] in ("", "$", "%", "*", "<", "{", "(") or password.strip("*xX.-_") == ""
    is_port = _PORT.search(password.encode("latin-1", "replace")) is not None
    return not variable and not is_port and password.lower() not in _PLACEHOLDERS


_USER_BEGINNING: Final = ending_like(
    "URL_CREDENTIALS",
    rf"[A-Za-z][A-Za-z0-9+.\-]{{1,20}}://[^/?#@:{CELL_END}]{{0,128}}:[^/?#{CELL_END}]{{1,256}}$",
    _user_begins,
)


def _url_credentials_beginning(subject: bytes, text: str, begin: int) -> Begun | None:
    begun = _USER_BEGINNING(subject, text, begin)
    return None if begun is None else (begun[0], text.index("://", begun[1]) + len("://"))


def _assigned_beginning(subject: bytes, _text: str, begin: int) -> Begun | None:
    """A random-looking value directly after a word for a secret."""
    for first, end in _values(subject, begin, _DIGITS):
        start = _value_start(subject, first, end)
        if end < len(subject) or not _ASSIGNED_CHARS_MIN <= end - start <= _VALUE_CHARS_MAX:
            continue
        value, before = subject[start:end], subject[max(0, start - _CUE_CHARS_MAX) : start]
        cued = any(cue.search(before) is not None for cue in (_KEY_CUE, _PASSWORD_CUE, _BASIC_CUE, _HEADER_CUE))
        user = _CURL_USER_CUE.search(before)
        if (cued or (user is not None and user.group(1))) and _made_up(value) and _CODE.search(value) is None:
            return "SECRET", start
    return None


def _vendors_beginning(vendors: Sequence[Beginnings]) -> BeginningFinder:
    gate = "|".join([one.fixed for one in vendors])
    finders = [ending_like("SECRET", f"{one.pattern}$", _named_begins) for one in vendors]
    return first_of(finders, f"(?:^|[^A-Za-z0-9])(?:{gate})")


_JWT_BEGINNING: Final = shaped_like("JWT", _JWT_SHAPE, _web_token_begins)
_URL_GATE: Final = rf"[A-Za-z0-9]://[^/?#@:{CELL_END}]*:[^/?#{CELL_END}]+@"

KINDS: Final[tuple[PiiKind, ...]] = (
    PiiKind(
        "URL_CREDENTIALS",
        "users and passwords in URLs",
        "from its first character that makes it no port",
        (Recognizer("URL_CREDENTIALS", _URL_GATE, _url_credentials, GateFamily.WORDS),),
        (_url_credentials_beginning,),
    ),
    PiiKind(
        "JWT",
        "web tokens",
        "13 characters",
        (Recognizer("JWT", r"eyJ[A-Za-z0-9_-]{10}", _web_tokens, GateFamily.WORDS),),
        (_JWT_BEGINNING,),
        endless=(_JWT_BEGINNING,),
    ),
    PiiKind(
        "SECRET",
        "keys of about a hundred vendors, and values after `password=`, `api_key:`, `Authorization:` or "
        "`curl -u user:` that look random; `JWT` and `URL_CREDENTIALS` too",
        "12 characters of a key that names its vendor, 24 of another; 5 after `password=` and the like",
        (
            Recognizer("SECRET", _SECRET_GATE, _secrets, GateFamily.VARIETY),
            Recognizer("SECRET", LETTERS_ONLY_GATE, _secrets, GateFamily.WORDS),
        ),
        (
            _assigned_beginning,
            _vendors_beginning(NAMED_BEGINNINGS),
            ending_like("SECRET", f"(?:{UNNAMED_BEGINNINGS})$", _unnamed_begins),
        ),
        endless=(_assigned_beginning, _vendors_beginning([one for one in NAMED_BEGINNINGS if one.is_endless])),
        implies=frozenset({"JWT", "URL_CREDENTIALS"}),
    ),
)
