"""CloudEvents to a receiver: the events, and what happens to a batch after each kind of answer, and after none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from extproc.config.ledger import CloudEvents
from extproc.ledger import http_post
from extproc.ledger.cloud_event_shapes import events_of
from extproc.ledger.cloud_events_sink import (
    PAUSE_S_MAX,
    REFUSED,
    REFUSED_IN_A_ROW_MAX,
    CloudEventsSink,
)
from extproc.ledger.entry import LedgerEntry, plain_values
from extproc.ledger.entry_sink import SinkFailed
from extproc.ledger.places import SpoolPlace
from tests.unit.ledger.receiver import SECRET_PATH, TOKEN, Receiver, check_event, receiving
from tests.unit.ledger.samples import bare_entry, entry
from tests.unit.ledger.sink_cases import Events


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """It takes everything, at first."""
    with receiving(Receiver()) as receiver:
        yield receiver


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a spool, with one process."""
    (tmp_path / "spool" / "p-1").mkdir(parents=True)
    return tmp_path / "spool"


@pytest.fixture
def target(tmp_path: Path, receiver: Receiver) -> Events:
    """The receiver, as it is configured."""
    return Events(tmp_path, receiver)


def add(sink: CloudEventsSink, *exchanges: str, team: str = "search") -> SpoolPlace:
    """Entries that follow what is stored."""
    place = sink.place_of("p-1")
    after = replace(place, segment=1, sequence=place.sequence + len(exchanges))
    return sink.add_of_spool([entry(exchange=one, team=team) for one in exchanges], after)


# --- events --------------------------------------------------------------------------------------------------------


def events(one: LedgerEntry, **terms: Any) -> list[dict[str, Any]]:
    """Those of an entry, which are all valid."""
    found = events_of(one, CloudEvents.model_validate(terms))
    for event in found:
        check_event(event)
    return found


def test_an_event_for_each_type_of_tokens() -> None:
    """As OpenMeter's meter of LLM tokens reads it: SUM of `tokens`, by `model` and `type`."""
    first, second = events(entry())
    common = {
        "specversion": "1.0",
        "source": "llm-extproc",
        "type": "prompt",
        "subject": "search",
        "time": "2026-11-29T12:00:00Z",
        "datacontenttype": "application/json",
    }
    data = {
        "model": "tiny",
        "version": "v2",
        "endpoint": "chat",
        "team": "search",
        "project": "index",
        "budget_code": "b7",
        "use_case": "support",
        "outcome": "completed",
        "exchange": "ab12-1",
    }
    told = {"tokens": 100, "type": "input", **data, "estimated": False, "cached_tokens": 40}
    assert first == {**common, "id": "ab12-1/input", "data": told}
    told = {"tokens": 7, "type": "output", **data, "estimated": True, "reasoning_tokens": 2}
    assert second == {**common, "id": "ab12-1/output", "data": told}


def test_no_tokens_no_event() -> None:
    """A request that was refused, or an answer without tokens."""
    assert events(bare_entry()) == []
    assert [event["id"] for event in events(entry(completion_tokens=0))] == ["ab12-1/input"]


def test_one_event_with_everything() -> None:
    """Named after the exchange; also where nothing was used."""
    one = entry(started_at_us=entry().started_at_us + 1)
    (event,) = events(one, one_per="exchange", source="/gateways/zurich", type="com.example.llm", subject="project")
    assert event["data"] == json.loads(json.dumps(plain_values(one)))
    assert [event[name] for name in ("id", "source", "type", "subject", "time")] == [
        "ab12-1",
        "/gateways/zurich",
        "com.example.llm",
        "index",
        "2026-11-29T12:00:00.000001Z",
    ]
    (event,) = events(bare_entry(), one_per="exchange", unknown_subject="nobody")
    assert (event["id"], event["subject"]) == ("ab12-9", "nobody")


# --- answers -------------------------------------------------------------------------------------------------------


def test_a_batch_that_is_taken_is_stored(target: Events, receiver: Receiver, root: Path) -> None:
    """The next sink goes on behind it."""
    sink = target.opened(root)
    assert add(sink, "a", "b") == SpoolPlace("p-1", 1, 0, 2, entries=2)
    assert sink.settle(False)
    again = target.opened(root)
    assert again.place_of("p-1").sequence == 2
    add(again, "c")
    assert receiver.requests == [["a", "b"], ["c"]]
    assert target.held() == ["a", "b", "c"]


def test_entries_without_events_are_stored_without_a_request(tmp_path: Path, receiver: Receiver, root: Path) -> None:
    """Nothing is posted."""
    sink = Events(tmp_path, receiver, one_per="token_type").opened(root)
    sink.add_of_spool([bare_entry()], SpoolPlace("p-1", 1, 5, 1))
    assert receiver.requests == []
    assert sink.place_of("p-1") == SpoolPlace("p-1", 1, 5, 1, entries=1)


@pytest.mark.parametrize("status", [302, 401, 403, 404, 408, 415, 429, 500, 503])
def test_after_other_answers_a_batch_waits(target: Events, receiver: Receiver, root: Path, status: int) -> None:
    """It is sent again as it was; a redirect is not followed; nothing is stored, and nothing set aside."""
    receiver.statuses = [status]
    sink = target.opened(root)
    with pytest.raises(SinkFailed, match=rf"^HTTP status {status}$") as failed:
        add(sink, "a", "b")
    assert failed.value.pause_s == 0
    again = target.opened(root)
    assert again.place_of("p-1").sequence == 0
    add(again, "a", "b")
    assert receiver.requests == [["a", "b"], ["a", "b"]]
    assert not (root / REFUSED).exists()


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [("7", 7.0), ("99999", PAUSE_S_MAX), ("999999", 0.0), ("-1", 0.0), ("Sun, 29 Nov 2026 12:00:00 GMT", 0.0)],
)
def test_a_receiver_that_asks_for_time_gets_it(
    target: Events, receiver: Receiver, root: Path, header: str, pause_s: float
) -> None:
    """Up to some minutes."""
    receiver.statuses, receiver.headers = [429], {"retry-after": header}
    with pytest.raises(SinkFailed) as failed:
        add(target.opened(root), "a")
    assert failed.value.pause_s == pause_s


def test_a_receiver_that_hangs_is_given_up_for_now(target: Events, receiver: Receiver, root: Path) -> None:
    """And gets the batch when it answers."""
    receiver.silent.set()
    with patch.object(http_post, "TRY_S_MAX", 0.2), pytest.raises(SinkFailed, match=r"^TimeoutError$"):
        add(target.opened(root), "a")
    receiver.silent.clear()
    add(target.opened(root), "a")
    assert target.held() == ["a"]


def test_an_event_that_is_refused_is_set_aside(target: Events, receiver: Receiver, root: Path) -> None:
    """Found by halves; all others are taken, in order."""
    receiver.refuses = lambda event: event["subject"] == "bad"
    sink = target.opened(root)
    place = sink.place_of("p-1")
    entries = [entry(exchange=f"x{number}", team="bad" if number == 5 else "search") for number in range(8)]
    sink.add_of_spool(entries, replace(place, segment=1, sequence=8))
    assert target.held() == [f"x{number}" for number in range(8) if number != 5]
    assert receiver.again == 0
    kept = [json.loads(line) for line in (root / REFUSED).read_bytes().splitlines()]
    assert [event["id"] for event in kept] == ["x5"]
    check_event(kept[0])
    assert ((root / REFUSED).stat().st_mode & 0o777, sink.take_refused(), sink.take_refused()) == (0o600, 1, 0)
    assert sink.place_of("p-1").sequence == 8


def test_a_batch_that_is_too_large_goes_in_parts(target: Events, receiver: Receiver, root: Path) -> None:
    """Nothing is set aside."""
    receiver.bytes_max = 6_000
    add(target.opened(root), *"abcdefgh")
    assert target.held() == list("abcdefgh")
    assert max(map(len, receiver.requests[1:])) < 8
    assert not (root / REFUSED).exists()


def test_a_receiver_that_takes_nothing_is_at_fault(target: Events, receiver: Receiver, root: Path) -> None:
    """Whatever it says: nothing is set aside, and few requests are made."""
    receiver.refuses = lambda _: True
    sink = target.opened(root)
    with pytest.raises(SinkFailed, match=r"^the receiver takes no event \(HTTP status 400\)$"):
        add(sink, *(f"x{number}" for number in range(100)))
    assert len(receiver.requests) <= 2 * REFUSED_IN_A_ROW_MAX + 8
    with pytest.raises(SinkFailed, match="takes no event"):
        add(sink, "a")
    assert (sink.place_of("p-1").sequence, (root / REFUSED).exists()) == (0, False)


def test_events_are_at_fault_if_the_last_one_is_taken_again(target: Events, receiver: Receiver, root: Path) -> None:
    """So many bad ones in a row hold up nothing: also for a sink that starts anew."""
    receiver.refuses = lambda event: event["subject"] == "bad"
    add(target.opened(root), "a", "b")
    sink = target.opened(root)
    add(sink, *(f"x{number}" for number in range(20)), team="bad")
    assert (sink.take_refused(), target.held(), receiver.again) == (20, ["a", "b"], 1)
    add(sink, "c")
    assert target.held() == ["a", "b", "c"]
    receiver.refuses = lambda _: True
    with pytest.raises(SinkFailed, match="takes no event"):
        add(sink, "d")
    assert sink.take_refused() == 0


def test_without_room_for_what_is_refused_nothing_goes_on(target: Events, receiver: Receiver, root: Path) -> None:
    """Rather than that something is lost."""
    receiver.refuses = lambda event: event["subject"] == "bad"
    sink = target.opened(root)
    add(sink, "a")
    add(sink, "b", team="bad")
    with patch("extproc.ledger.cloud_events_sink.REFUSED_BYTES_MAX", (root / REFUSED).stat().st_size + 100):
        with pytest.raises(SinkFailed) as failed:
            add(sink, "c", team="bad")
        assert str(failed.value) == f"{root / REFUSED}: it is full. Move it away, and see why events are refused"
        (root / REFUSED).unlink()
        add(sink, "c", team="bad")
    assert sink.place_of("p-1").sequence == 3


# --- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("url", None, "{file}: no such file or directory"),
        ("token", None, "{file}: no such file or directory"),
        ("token", b"\xff" + TOKEN.encode(), "{file}: it holds what is no ASCII text"),
        ("token", b"a\x01" + TOKEN.encode(), "HTTP status 401"),
        ("token", f"a\r\nb: {TOKEN}".encode(), "ValueError"),
        ("token", b"wrong", "HTTP status 401"),
        ("url", b"", "the URL is no http:// or https:// URL"),
        ("url", f"file:///{SECRET_PATH}".encode(), "the URL is no http:// or https:// URL"),
        ("url", f"http://127.0.0.1:{SECRET_PATH}/".encode(), "InvalidURL"),
        ("url", f"http://127.0.0.1:1/{SECRET_PATH}".encode(), "URLError"),
    ],
)
def test_what_is_told_of_a_failure_has_no_secret(
    target: Events, root: Path, file: str, content: bytes | None, reason: str
) -> None:
    """Of URL and token; their files are read before each request, so a new one is used at once."""
    path = target.folder / file
    good = path.read_bytes()
    sink = target.opened(root)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SinkFailed) as failed:
        add(sink, "a")
    assert str(failed.value) == reason.format(file=path)
    path.write_bytes(good)
    add(sink, "a")
    assert target.held() == ["a"]
