"""URLs in streamed text, checked by scheme, by host, and by whether they load an image.

An image is loaded as soon as a response is displayed, so its address can exfiltrate what the model was told: it may be
denied regardless of its host. A URL is decided where its host ends; only a possible beginning of one is undecided.

Hosts are parsed like browsers and Markdown renderers do: text before ``@`` is not the host, a backslash is a slash, and
the number of slashes may vary. Where parsers disagree on the end of a host (``https://good.example,x@bad.example``),
every reading must be permitted.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import re2

from extproc.detectors.rules.hosts import HostRules
from extproc.detectors.text.latin1 import latin1_bytes, latin1_options
from extproc.detectors.text.scanned import Scanned

AUTHORITY_CHARS_MAX: Final = 512
"""A longer host, including text before it, is not parsed and not permitted."""

_WITH_HOST: Final = ("https", "http", "ftps", "ftp", "wss", "ws")
_WITHOUT_HOST: Final = ("javascript", "vbscript", "data", "file", "blob")
_ANCHORS: Final = (*(f"{scheme}:" for scheme in (*_WITH_HOST, *_WITHOUT_HOST)), "www.", "//", "\\\\", "/\\", "\\/")
_BEGINNINGS: Final = frozenset(anchor[:chars].encode() for anchor in _ANCHORS for chars in range(1, len(anchor)))
_BEGINNING_ENDS: Final = frozenset(end for anchor in _ANCHORS for end in (*anchor[:-1], *anchor[:-1].upper()))
_ANCHOR_END: Final = re.compile(r"[:./\\]")
_ANCHOR_CHARS_MAX: Final = max(map(len, _ANCHORS))
_SLASHES_MAX: Final = 64
_MIME_CHARS_MAX: Final = 24

_AUTHORITY_END: Final = re.compile(r"[\s<>/\\?#]")
_CJK_MARKS: Final = "，、；：！？（）《》「」『』【】“”‘’"
_HOST_END: Final = re.compile(rf"""[\s<>/\\?#"'`()\[\]{{}}|,;!^*{_CJK_MARKS}]""")
_URL_END: Final = re.compile(r"""[\s<>"'`()\[\]{}|]""")
_HIDES_HOST: Final = re.compile(r"[@.%。．｡]")  # after a doubtful end of a host: there may be another one
_QUOTES: Final = "\"'`"
_TRAILING: Final = "\"'`()[]{}|,;:!?^*_~." + _CJK_MARKS
_LINK_BEFORE: Final = frozenset("(\"'=<")
_IMAGE_BEFORE: Final = re.compile(r"""(?i)(?:(?:src|srcset|poster|background)=["']?|url\(["']?|\]:<?)\Z""")
_BRACKET: Final = re.compile(r"[\[\]`<\\]")
_MARKS_CHARS_MAX: Final = 16
_LINE_BLANKS: Final = " \t\r"


def _anchor_pattern() -> Any:
    options = latin1_options()
    options.case_sensitive = False
    return re2.compile("|".join(re.escape(anchor) for anchor in _ANCHORS).encode(), options)


_ANCHOR: Final = _anchor_pattern()


def may_hold_url(text: str) -> bool:
    """Prefilter: False only if the text cannot contain a URL."""
    return _ANCHOR.search(latin1_bytes(text)) is not None


class UrlRules(NamedTuple):
    """What is permitted. ``images``: URLs that load an image; ``schemes_denied`` are in lower case."""

    hosts: HostRules
    schemes_denied: frozenset[str]
    images: bool


class FoundUrl(NamedTuple):
    """A URL that is not permitted, up to its end or the end of the text so far. [characters]

    The violation is before ``judged_end``, which does not depend on how the text was cut.
    """

    start: int
    end: int
    judged_end: int
    kind: str

    def moved(self, chars: int) -> FoundUrl:
        """The same span in a text that has this many characters more at its start."""
        return FoundUrl(self.start + chars, self.end + chars, self.judged_end + chars, self.kind)


class _Decision(NamedTuple):
    """The result for an anchor; kind None: permitted.

    ``settled`` is the position before which nothing needs another look, ``judged_end`` the end of all checked text,
    if that is later.
    """

    kind: str | None
    settled: int
    judged_end: int = 0


class UrlScan:
    """Searches for URLs that are not permitted. ``undecided`` is the possible beginning of one."""

    __slots__ = ("_context", "_in_url", "_rules", "undecided")

    def __init__(self, rules: UrlRules) -> None:
        self._rules = rules
        self._context = _Context()
        self._in_url = False  # the text continues within a URL that was found
        self.undecided = ""

    def copy(self) -> UrlScan:
        """A scan in the same state."""
        other = UrlScan(self._rules)
        other._context, other._in_url, other.undecided = self._context.copy(), self._in_url, self.undecided
        return other

    def push(self, text: str, *, closing: bool = False) -> Scanned[FoundUrl]:
        """Process the next piece; with ``closing`` the text is complete, and another one may follow."""
        whole = self.undecided + text
        ongoing = place = self._end_of_url(whole, 0) if self._in_url else 0
        self._context.pass_by(whole[:ongoing])
        found: list[FoundUrl] = []
        undecided_from = len(whole)
        subject = latin1_bytes(whole) if _ANCHOR_END.search(whole) else b""
        while (anchor := _ANCHOR.search(subject, place) if subject else None) is not None:
            first, end = anchor.span()
            self._context.pass_by(whole[place:first])
            decision = self._decide(whole, first, end, closing)
            if decision is None:
                undecided_from = first
                break
            place = max(decision.settled, end)
            if decision.kind is not None:
                judged_end = max(place, decision.judged_end)
                place = self._end_of_url(whole, place)
                found.append(FoundUrl(first, place, judged_end, decision.kind))
            self._context.pass_by(whole[first:place])
        else:
            undecided_from = len(whole) if closing else max(place, len(whole) - _begun_chars(whole))
            self._context.pass_by(whole[place:undecided_from])
        self.undecided = whole[undecided_from:]
        if closing:
            self._in_url, self._context = False, _Context()
        return Scanned(whole, found, undecided_from, ongoing)

    def _end_of_url(self, whole: str, place: int) -> int:
        end = _URL_END.search(whole, place)
        self._in_url = end is None
        return end.start() if end else len(whole)

    def _decide(self, whole: str, first: int, end: int, closing: bool) -> _Decision | None:
        """The result for an anchor; None if more text is needed."""
        anchor = whole[first:end].lower()
        before = whole[first - 1] if first else self._context.last
        scheme = anchor[:-1] if anchor.endswith(":") else ""
        if scheme in _WITHOUT_HOST:
            return self._decide_without_host(scheme, before, whole, end, closing)
        if scheme:
            return self._decide_host(scheme, before.isalnum(), whole, end, closing)
        if before.isalnum() or (anchor not in ("www.", "//") and before not in _LINK_BEFORE):
            return _Decision(None, end)
        return self._decide_host("", False, whole, first if anchor == "www." else end, closing)

    def _decide_without_host(self, scheme: str, before: str, whole: str, end: int, closing: bool) -> _Decision | None:
        if before.isalnum() or scheme not in self._rules.schemes_denied:
            return _Decision(None, end)
        rest = whole[end : end + _MIME_CHARS_MAX]
        if scheme == "data":
            letters = len(rest) - len(rest.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.+"))
            rest = rest[letters:]
            if not rest and not closing and letters < _MIME_CHARS_MAX:
                return None
            is_url = rest[:1] == "/" if letters else rest[:1] in (",", ";") and bool(rest)
        elif not rest and not closing:
            return None
        else:
            is_url = rest[:1] in ("/", "\\") if scheme == "file" else not rest[:1].isspace()
            is_url = is_url and bool(rest)
        return _Decision("URL_SCHEME" if is_url else None, end)

    def _decide_host(self, scheme: str, in_word: bool, whole: str, end: int, closing: bool) -> _Decision | None:
        start = end
        while start < len(whole) and whole[start] in "/\\" and start - end <= _SLASHES_MAX:
            start += 1
        limit = start + AUTHORITY_CHARS_MAX
        authority_end = _AUTHORITY_END.search(whole, start, limit + 1)
        if authority_end is None and len(whole) <= limit and not closing:
            return None
        authority = whole[start : authority_end.start()] if authority_end else whole[start : limit + 1]
        if not authority:
            return _Decision(None, max(start, end))
        near = _near_host(authority)
        hosts = _readings(authority, near)
        meant = scheme and start > end  # otherwise it need not be a host
        if not meant and (in_word or not any("." in host or host.startswith("[") for host in hosts)):
            return _Decision(None, max(start, end))
        judged_end = start + len(authority.rstrip(_TRAILING)) if len(hosts) > 1 else 0
        return _Decision(self._kind_of(scheme, authority, hosts), start + max(len(near), 1), judged_end)

    def _kind_of(self, scheme: str, authority: str, hosts: list[str]) -> str | None:
        """The violation of a URL, None if there is none."""
        if scheme in self._rules.schemes_denied:
            return "URL_SCHEME"
        if not self._rules.images and self._context.takes_image():
            return "URL_IMAGE"
        if len(authority) > AUTHORITY_CHARS_MAX or not all(map(self._rules.hosts.permit, hosts)):
            return "URL_HOST"
        return None


def _near_host(authority: str) -> str:
    """What all parsers take as the host, or as text before ``@``: up to the first doubtful character."""
    end = _HOST_END.search(authority)
    if end is None:
        return authority
    stop = end.start()
    if end.group() == "[" and authority[stop - 1 : stop] in ("", "@"):
        stop = authority.find("]", stop) + 1 or len(authority)
    return authority[:stop]


def _readings(authority: str, near: str) -> list[str]:
    """Each host that a parser may find in an authority."""
    rest = authority[len(near) :]
    hosts = [_without_user(near)]
    if "@" in rest or (rest and rest[0] not in _QUOTES and _HIDES_HOST.search(rest.rstrip(_TRAILING))):
        far = authority.rpartition("@")[2].rstrip(_TRAILING)
        hosts += [_without_user(far), _without_user(_near_host(far))]
    return [host for host in hosts if host]


def _without_user(authority: str) -> str:
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return host[: host.find("]") + 1 or len(host)]
    return host.partition(":")[0].rstrip(_TRAILING)


def _begun_chars(whole: str) -> int:
    """Length of the text's end that may be the beginning of an anchor. [characters]"""
    if whole[-1:] not in _BEGINNING_ENDS:
        return 0
    tail = latin1_bytes(whole[-_ANCHOR_CHARS_MAX:]).lower()
    return max((chars for chars in range(1, len(tail) + 1) if tail[-chars:] in _BEGINNINGS), default=0)


class _Context:
    """Context before a position that tells whether a URL there loads an image."""

    __slots__ = ("_after_line_end", "_depth", "_doubtful", "_image_begun", "_marks", "last")

    def __init__(self) -> None:
        self.last = ""  # character
        self._marks = ""  # the last non-blank characters
        self._image_begun = False  # after ``![``, before its address or a blank line
        self._depth = 0  # bracket depth since then
        self._doubtful = False  # something since then may neutralize a bracket
        self._after_line_end = False  # only blanks since then

    def copy(self) -> _Context:
        other = _Context()
        other.last, other._marks = self.last, self._marks
        other._image_begun, other._depth, other._doubtful = self._image_begun, self._depth, self._doubtful
        other._after_line_end = self._after_line_end
        return other

    def pass_by(self, text: str) -> None:
        """The next piece of the text."""
        if not text:
            return
        paragraph = self._last_blank_line(text) + 1
        if paragraph:
            self._image_begun = False
        for match in _BRACKET.finditer(text, paragraph):
            before = text[match.start() - 1] if match.start() else self.last
            self._pass_by_mark(match.group(), before)
        self.last = text[-1]
        self._marks = (self._marks + "".join(text.split()))[-_MARKS_CHARS_MAX:]

    def _pass_by_mark(self, mark: str, before: str) -> None:
        if mark == "[" and before == "!" and not self._image_begun:
            self._image_begun, self._depth, self._doubtful = True, 1, False
        elif mark in "[]":
            self._depth += 1 if mark == "[" else -1
        else:
            self._doubtful = True

    def _last_blank_line(self, text: str) -> int:
        """Position of the last blank line in the text, -1 if there is none."""
        found, begin = -1, 0
        while (line_end := text.find("\n", begin)) >= 0:
            if self._after_line_end and not text[begin:line_end].strip(_LINE_BLANKS):
                found = line_end
            self._after_line_end, begin = True, line_end + 1
        if text[begin:].strip(_LINE_BLANKS):
            self._after_line_end = False
        return found

    def takes_image(self) -> bool:
        """Whether a URL that begins here is that of an image."""
        if self._image_begun and self._marks.endswith(("](", "](<")):
            if self._depth <= 0 and not self._doubtful:
                self._image_begun = False
            return True
        return _IMAGE_BEFORE.search(self._marks) is not None
