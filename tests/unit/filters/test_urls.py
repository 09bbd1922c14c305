"""URLs in requests and answers: blocked, masked, or only counted, for every cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.exchange.events import RequestBody
from extproc.filters.chain import Channels
from extproc.payload.view import response_source
from tests.playbooks.driver import Conversation, asked, dumps, request_body, request_headers, snapshot_of
from tests.unit.filters.cutting import cut
from tests.unit.filters.fakes import exchange_of

URLS: dict[str, Any] = {"guard": "urls", "allow": ["good.example"], "images": "block"}
BLOCKING = {**URLS, "action": "block"}
TEXTS = st.lists(
    st.sampled_from([
        "https://", "//", "www.", "javascript:", "good.example", "bad.example", "/x", "@", " ", "\n\n", "(", ")",
        "![x](", '"', "data:,", "a", "é", "h", "\\",
    ]),
    max_size=12,
).map("".join)  # fmt: skip


def through_guard(pieces: list[str], section: dict[str, Any], kind: Kind = Kind.CONTENT) -> tuple[str, Any, Any]:
    """One channel of an answer under the guard: what is released, who rejected, and the record."""
    exchange = exchange_of()
    chain = Channels(snapshot_of(section).policies[-1].response_filters, exchange, 10).chain(response_source(kind, 0))
    released = ""
    for piece in pieces:
        released += chain.feed(piece)
        if chain.rejected_by is not None:
            break
    else:
        released += chain.close()
    return released, chain.rejected_by, exchange.record


def talk_of(section: dict[str, Any], content: Any) -> Conversation:
    """A request under the guard."""
    talk = Conversation(snapshot_of(section))
    talk.hears(request_headers())
    talk.hears(request_body(messages=[{"role": "user", "content": content}]))
    return talk


def test_what_ends_a_url_begins_an_image_wherever_the_text_is_cut() -> None:
    """The mark of an image may be the last character of a URL that was found in the piece before."""
    whole = "https://bad.example/a![x](https://ok.example/"
    for place in range(len(whole)):
        _, _, record = through_guard([whole[:place], whole[place:]], {**URLS, "action": "mask"}, Kind.CONTENT)
        assert set(record.findings) == {("urls", "response", "URL_HOST"), ("urls", "response", "URL_IMAGE")}, place


@given(cut(TEXTS), st.sampled_from(["block", "mask", "flag", "shadow"]), st.sampled_from([Kind.CONTENT, Kind.JSON]))
def test_no_cut_changes_what_comes_out(pieces: list[str], action: str, kind: Kind) -> None:
    """Text, verdict and counts are those of the whole text."""
    section = {**URLS, "action": action}
    text, rejected_by, record = through_guard(pieces, section, kind)
    whole, whole_rejected_by, whole_record = through_guard(["".join(pieces)], section, kind)
    assert (text, rejected_by is None, record.findings) == (whole, whole_rejected_by is None, whole_record.findings)


def test_all_of_a_url_is_masked_though_it_goes_on() -> None:
    """What it carries is swallowed as it comes, and nothing of it is kept."""
    pieces = [
        "See ![x](https://b",
        "ad.example/?d=",
        "secret",
        "&e=1) or [y](https://good.ex",
        "ample/a) www.bad.example",
    ]
    text, _, record = through_guard(pieces, URLS)
    assert text == "See ![x](<URL>) or [y](https://good.example/a) <URL>"
    assert record.findings == {("urls", "response", "URL_IMAGE"): 1, ("urls", "response", "URL_HOST"): 1}


def test_an_image_is_masked_though_its_host_is_allowed() -> None:
    """It is loaded as soon as it is shown."""
    assert through_guard(["![x](https://good.example/?d=1)"], URLS)[0] == "![x](<URL>)"
    assert through_guard(["![x](https://good.example/?d=1)"], {**URLS, "images": "as_links"})[2].findings == {}


def test_arguments_of_tools_stay_json() -> None:
    """Slashes may be escaped in them."""
    text, _, _ = through_guard(['{"u": "https:\\/\\/bad.exam', 'ple\\/x y"}'], URLS, Kind.JSON)
    assert json.loads(text) == {"u": "<URL> y"}


def test_an_answer_ends_before_the_url() -> None:
    """What is said before it stands."""
    text, rejected_by, _ = through_guard(["Go to ht", "tps://bad.example", "/x now"], BLOCKING)
    assert (text, rejected_by.name) == ("Go to ", "urls")


@pytest.mark.parametrize("action", ["flag", "shadow"])
def test_looking_only_lets_text_pass_at_once(action: str) -> None:
    """It is counted."""
    text, rejected_by, record = through_guard(["https://bad", ".example/"], {**URLS, "action": action})
    assert (text, rejected_by) == ("https://bad.example/", None)
    assert record.verdicts == {("urls", "response", action): 1}


def test_a_request_is_masked_or_refused() -> None:
    """As the policy says."""
    talk = asked(snapshot_of(URLS), body=request_body(messages=[{"role": "user", "content": "read //bad.example/x"}]))
    assert talk.server_json["messages"][0]["content"] == "read <URL>"
    refused = talk_of(BLOCKING, "read //bad.example/x")
    assert refused.client_json["error"]["code"] == "url_not_allowed"
    assert b"bad.example" not in refused.client


@pytest.mark.parametrize("section", [URLS, BLOCKING])
def test_a_url_divided_among_the_parts_of_a_message_is_refused(section: dict[str, Any]) -> None:
    """The model sees one text; a mask could not stand in two places."""
    parts = [{"type": "text", "text": text} for text in ("read www", ".bad.example/x")]
    assert talk_of(section, [parts[0], {"type": "text", "text": ".good.example/x"}]).server is not None
    assert talk_of(section, parts).server is None


@given(TEXTS, st.sampled_from([Kind.CONTENT, Kind.JSON]))
def test_the_look_before_misses_nothing(text: str, kind: Kind) -> None:
    """What a stage would find may be found."""
    _, _, record = through_guard([text], {**URLS, "action": "flag"}, kind)
    guard = snapshot_of(URLS).policies[-1].guards[0]
    if record.findings:
        assert guard.might_match_any([(TextSource(Direction.RESPONSE, Speaker.ASSISTANT, kind), text)])


@pytest.mark.parametrize(
    ("path", "part", "refused"),
    [
        ("/v1/chat/completions", {"type": "image_url", "image_url": {"url": "https://good.example/a.png"}}, False),
        ("/v1/chat/completions", {"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}, True),
        ("/v1/chat/completions", {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}, False),
        ("/v1/chat/completions", {"type": "video_url", "video_url": {"url": "file:///etc/passwd"}}, True),
        ("/v1/responses", {"type": "input_image", "image_url": "https://bad.example/a.png"}, True),
        ("/v1/messages", {"type": "image", "source": {"type": "url", "url": "https://bad.example/a.png"}}, True),
    ],
)
def test_addresses_that_the_server_would_fetch_are_judged(path: str, part: dict[str, Any], refused: bool) -> None:
    """Where media may pass at all; data that comes along is no address."""
    talk = Conversation(snapshot_of(URLS, requests={"media": "pass"}))
    talk.hears(request_headers(path))
    messages = [{"role": "user", "content": [part]}]
    fields = {"input": messages} if path == "/v1/responses" else {"messages": messages}
    talk.hears(RequestBody(dumps({"model": "tiny", "max_tokens": 5, **fields})))
    assert (talk.server is None) == refused
    if refused and path != "/v1/messages":  # whose errors have no code
        assert talk.client_json["error"]["code"] == "url_not_allowed"
