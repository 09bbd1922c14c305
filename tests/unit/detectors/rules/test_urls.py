"""URLs: what is one, where it leads, and that no cut changes what is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.detectors.rules.hosts import HostRules
from extproc.detectors.rules.urls import AUTHORITY_CHARS_MAX, UrlRules, UrlScan, may_hold_url
from tests.unit.filters.cutting import cut

CORPUS = Path(__file__).parents[3] / "corpus" / "rules" / "urls.jsonl"
SCHEMES = frozenset({"javascript", "vbscript", "data", "file", "blob"})
ALLOWING = UrlRules(HostRules(["good.example"], [], False), SCHEMES, images=True)
DENYING = UrlRules(HostRules(None, ["bad.example"], False), SCHEMES, images=True)
NO_IMAGES = UrlRules(HostRules(None, [], False), SCHEMES, images=False)

ATOMS = st.sampled_from([
    "https://", "http:", "HTTPS:\\\\", "//", "/", "\\", "www.", "javascript:", "data:", "image/png", "blob:", "ws:",
    "good.example", "bad.example", "evil", ".", "@", ":", ":8080", "#", "?q=", " ", " ", "\n", "\n\n", "<", ">", '"',
    "(", ")", "[", "]", "![", "](", "]:", "src=", "a", "é", "。", "，", "[::1]", "127.1", ",", "h", "w", "İ", "\u200b",
])  # fmt: skip
TEXTS = st.lists(ATOMS, max_size=14).map("".join)


def found(rules: UrlRules, text: str) -> list[tuple[str, str]]:
    """Kinds, and what they stand for."""
    findings = UrlScan(rules).push(text, closing=True).found
    return [(finding.kind, text[finding.start : finding.end]) for finding in findings]


@pytest.mark.parametrize(
    "text",
    [
        "see https://good.example/a?b=c#d.",
        "(https://www.good.example), https://GOOD.example:8080; “https://good.example”",
        "[here](https://good.example)[and](https://good.example/x)",
        '{"a":"https://good.example","b":"x.y"}',
        "**https://good.example** and `https://good.example`",
        "www.good.example, //good.example/x",
        "https://user:secret@good.example/",
        "https://user@good.example",
        "https:good.example",
        "// a comment. And a//b.c, and x = y // z.w",
        "the data: are here; data: a/b; metadata:image/png; profile:/x; news:comp.lang.python",
        "write to javascript: the good parts",
        "https:// and http: are schemes. https://, too",
        "ratio 3:4, at 10:30, C:\\path\\file.x",
        "请看https://good.example/页面。然后",
        "请看https://good.example，谢谢",
    ],
)
def test_what_is_allowed_is_no_finding(text: str) -> None:
    """Nor is what is no URL."""
    assert found(ALLOWING, text) == []


@pytest.mark.parametrize(
    ("text", "kind", "url"),
    [
        ("see https://bad.example/a?b=c.", "URL_HOST", "https://bad.example/a?b=c."),
        ("[x](https://bad.example/a)", "URL_HOST", "https://bad.example/a"),
        ("see HTTP://BAD.example", "URL_HOST", "HTTP://BAD.example"),
        ("www.bad.example", "URL_HOST", "www.bad.example"),
        ("[x](//bad.example)", "URL_HOST", "//bad.example"),
        ("[x](\\\\bad.example)", "URL_HOST", "\\\\bad.example"),
        ("[x](/\\bad.example)", "URL_HOST", "/\\bad.example"),
        ("[x](https:bad.example)", "URL_HOST", "https:bad.example"),
        ("[x](https:/bad.example)", "URL_HOST", "https:/bad.example"),
        ("[x](https:////bad.example)", "URL_HOST", "https:////bad.example"),
        ("https:\\/\\/bad.example\\/x", "URL_HOST", "https:\\/\\/bad.example\\/x"),
        ("xhttps://bad.example", "URL_HOST", "https://bad.example"),
        ("gopher://bad.example/x", "URL_HOST", "//bad.example/x"),
        ("https://good.example@bad.example/", "URL_HOST", "https://good.example@bad.example/"),
        ("https://good.example:80@bad.example/", "URL_HOST", "https://good.example:80@bad.example/"),
        ("https://bad.example\\@good.example/", "URL_HOST", "https://bad.example\\@good.example/"),
        ("https://good.example.bad.example", "URL_HOST", "https://good.example.bad.example"),
        ("https://good.example,bad.example", "URL_HOST", "https://good.example,bad.example"),
        ("https://good.example,x@bad.example", "URL_HOST", "https://good.example,x@bad.example"),
        ('https://good.example"@bad.example', "URL_HOST", "https://good.example"),
        ("https://good.example。bad.example", "URL_HOST", "https://good.example。bad.example"),
        ("https://gооd.example", "URL_HOST", "https://gооd.example"),
        ("https://good.example/?u=https://bad.example/", "URL_HOST", "https://bad.example/"),
        ("https://2130706433/x", "URL_HOST", "https://2130706433/x"),
        ("http://[::1]:80/x", "URL_HOST", "http://[::1]:80/x"),
        ("http://u@[::1]/x", "URL_HOST", "http://u@[::1]/x"),
        ("[x](javascript:alert(1))", "URL_SCHEME", "javascript:alert"),
        ("[x](JavaScript:alert`1`)", "URL_SCHEME", "JavaScript:alert"),
        ("data:text/html;base64,PHN2Zz4=", "URL_SCHEME", "data:text/html;base64,PHN2Zz4="),
        ("data:,hello", "URL_SCHEME", "data:,hello"),
        ("file:///etc/passwd", "URL_SCHEME", "file:///etc/passwd"),
        ("blob:https://good.example/1", "URL_SCHEME", "blob:https://good.example/1"),
    ],
)
def test_what_leads_elsewhere_is_a_finding(text: str, kind: str, url: str) -> None:
    """However it is written; it ends where a URL in a text does."""
    assert found(ALLOWING, text) == [(kind, url)]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("https://good.example/ https://x.bad.example/", [("URL_HOST", "https://x.bad.example/")]),
        ("https://bad.example%2e/ ok", [("URL_HOST", "https://bad.example%2e/")]),
        ("https://b%61d.example", [("URL_HOST", "https://b%61d.example")]),
        ("https://x(y.bad.example/", [("URL_HOST", "https://x")]),
        ("http://$HOST:8000/ http://{host}/ http://localhost/", []),
    ],
)
def test_with_denied_hosts_all_others_are_allowed(text: str, findings: list[tuple[str, str]]) -> None:
    """Templates too, which no browser can open."""
    assert found(DENYING, text) == findings


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://good.example/?d=1)",
        "![a [b] c](  <https://good.example/?d=1>)",
        "[![x](https://good.example/a.png)](x)",
        "![x](//good.example/?d=1)",
        "![x][1]\n\n[1]: https://good.example/?d=1",
        "![two\nlines](https://good.example/?d=1)",
        "![x\n\u2003\ny](https://good.example/?d=1)",
        '<img alt="" src = "https://good.example/?d=1">',
        "<img src=https://good.example/?d=1>",
        '<video poster="//good.example/?d=1">',
        "background: url( 'https://good.example/?d=1')",
    ],
)
def test_images_may_be_denied_whatever_their_host(text: str) -> None:
    """They are loaded unasked, and carry off what stands in their address."""
    assert [kind for kind, _ in found(NO_IMAGES, text)] == ["URL_IMAGE"]
    assert found(ALLOWING, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://good.example) [y](https://good.example)",
        "![a [b](https://good.example) c](https://good.example) [y](https://good.example)",
        "![a `]` [b](https://good.example) c](https://good.example)",
        "![a \\] [b](https://good.example) c](https://good.example)",
    ],
)
def test_a_link_inside_an_image_does_not_hide_it(text: str) -> None:
    """The image's own address comes last; a link after it is a link."""
    images = [text.index("https"), text.index("https", text.index("c](") if "c](" in text else 0)]
    starts = [finding.start for finding in UrlScan(NO_IMAGES).push(text, closing=True).found]
    assert starts == sorted(set(images))


@pytest.mark.parametrize(
    "text",
    [
        "[x](https://good.example)",
        "! [x](https://good.example)",
        "![x](plot.png)\n\n[y](https://good.example)",
        "![x](plot.png)\n \t\n[y](https://good.example)",
        "wow! (https://good.example)",
        '<a href="https://good.example">x</a>',
    ],
)
def test_links_are_no_images(text: str) -> None:
    """Nor is what comes in a paragraph after one."""
    assert found(NO_IMAGES, text) == []


def test_every_labelled_line_is_judged_as_it_is_labelled() -> None:
    """``tests/corpus/rules/urls.jsonl``: ways to lead elsewhere, and what only looks like it."""
    with CORPUS.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    wrong = [row["text"] for row in rows if bool(found(ALLOWING, row["text"])) != bool(row["label"])]
    assert (wrong, len(rows) > 60) == ([], True)


def test_a_host_that_is_too_long_to_be_read_is_not_permitted() -> None:
    """It cannot be said where it leads; and no more than that is kept."""
    scan = UrlScan(ALLOWING)
    assert scan.push("https://good.example," + "x" * (AUTHORITY_CHARS_MAX - 13)).found == []
    assert [finding.kind for finding in scan.push("x").found] == ["URL_HOST"]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("it is so", ""),
        ("it is h", "h"),
        ("it is http", "http"),
        ("it is https://good.exam", "https://good.exam"),
        ("it is https://good.example/a", ""),
        ("it is https://good.example/a/w", "w"),
        ("a ww", "ww"),
    ],
)
def test_only_the_beginning_of_a_url_is_undecided(text: str, held: str) -> None:
    """Up to the end of its host."""
    scan = UrlScan(ALLOWING)
    scan.push(text)
    assert scan.undecided == held


@given(TEXTS)
def test_the_look_before_misses_nothing(text: str) -> None:
    """What a scan finds may be held."""
    for rules in (ALLOWING, NO_IMAGES):
        if UrlScan(rules).push(text, closing=True).found:
            assert may_hold_url(text)


@given(cut(TEXTS), st.sampled_from([ALLOWING, DENYING, NO_IMAGES]))
@example(["a", "www.bad.example"], ALLOWING)
@example(["a", "//bad.example"], ALLOWING)
@example(["(", "\\\\bad.example"], ALLOWING)
@example(["!", "[x](https://good.example)"], NO_IMAGES)
@example(["![x", "]", "(", "https://good.example)"], NO_IMAGES)
@example(["![x\n", "\n](https://good.example)"], NO_IMAGES)
def test_no_cut_changes_what_is_found(pieces: list[str], rules: UrlRules) -> None:
    """The same kinds at the same places as in the whole text."""
    text = "".join(pieces)
    scan, base, places = UrlScan(rules), 0, []
    for number, piece in enumerate([*pieces, ""]):
        scanned = scan.push(piece, closing=number == len(pieces))
        places += [(finding.kind, base + finding.start) for finding in scanned.found]
        base += scanned.settled
    whole = UrlScan(rules).push(text, closing=True).found
    assert (places, base) == ([(finding.kind, finding.start) for finding in whole], len(text))


@given(st.sampled_from(["https:/", "https://a", "javascript", "/", "data:a", "\\", "https://a,"]), st.integers(1, 60))
def test_what_is_undecided_stays_bounded(piece: str, pieces: int) -> None:
    """However long a text goes on being the beginning of a URL."""
    scan = UrlScan(NO_IMAGES)
    for _ in range(pieces):
        scan.push(piece * 20)
        assert len(scan.undecided) <= AUTHORITY_CHARS_MAX + 100
