"""Messages are posted, tried again, and given up in bounded time; nothing tells the URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.ledger.webhook import WAITING_MAX, Webhook
from tests.e2e.harness import wait_until
from tests.unit.ledger.hooks import SECRET, Hook, serving


def url_file(folder: Path, url: str) -> Path:
    """A file with a URL."""
    file = folder / "hook.url"
    file.write_text(f"{url}\n")
    return file


def test_messages_arrive_in_order(tmp_path: Path) -> None:
    """Also those that were not taken at first."""
    told: list[str] = []
    with serving(Hook(500, 429)) as hook:
        webhook = Webhook(url_file(tmp_path, hook.url), "budget", told.append, (0.0, 0.0))
        for number in range(3):
            webhook.send({"number": number})
        wait_until(lambda: len(hook.got) == 5, "five requests")
    assert [one["number"] for one in hook.got] == [0, 0, 0, 1, 2]
    assert set(hook.paths) == {f"/{SECRET}"}
    assert told == []


@pytest.mark.parametrize(("status", "reason"), [(500, "HTTP status 500"), (302, "HTTP status 302")])
def test_what_is_never_taken_is_given_up(tmp_path: Path, status: int, reason: str) -> None:
    """It is told once, without the URL; redirects are not followed, and later messages are tried."""
    told: list[str] = []
    with serving(Hook(*[status] * 4)) as hook:
        webhook = Webhook(url_file(tmp_path, hook.url), "budget", told.append, (0.0,))
        for number in range(3):
            webhook.send({"number": number})
        wait_until(lambda: len(hook.got) == 5, "five requests")
    assert [one["number"] for one in hook.got] == [0, 0, 1, 1, 2]
    assert set(hook.paths) == {f"/{SECRET}"}
    assert told == [f"budget webhook: a message was given up ({reason})"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "the URL is no http:// or https:// URL"),
        (f"file:///etc/{SECRET}", "the URL is no http:// or https:// URL"),
        (f"http://127.0.0.1:{SECRET}/", "InvalidURL"),
        (f"http://127.0.0.1:1/{SECRET}", "URLError"),
    ],
)
def test_urls_that_cannot_be_used(tmp_path: Path, url: str, reason: str) -> None:
    """What is told quotes none of it."""
    told: list[str] = []
    Webhook(url_file(tmp_path, url), "budget", told.append, ()).send({})
    wait_until(lambda: told, "a failure")
    assert told == [f"budget webhook: a message was given up ({reason})"]


def test_a_file_that_is_not_there_is_read_again(tmp_path: Path) -> None:
    """Before each try."""
    told: list[str] = []
    webhook = Webhook(tmp_path / "hook.url", "budget", told.append, ())
    webhook.send({"number": 0})
    wait_until(lambda: told, "a failure")
    assert told == ["budget webhook: a message was given up (FileNotFoundError)"]
    with serving(Hook()) as hook:
        url_file(tmp_path, hook.url)
        webhook.send({"number": 1})
        wait_until(lambda: hook.got, "a request")
    assert hook.got == [{"number": 1}]


def test_what_waits_is_tried_at_the_end(tmp_path: Path) -> None:
    """Once, without a pause; a message that is not taken then is told."""
    told: list[str] = []
    with serving(Hook(500)) as hook:
        webhook = Webhook(url_file(tmp_path, hook.url), "budget", told.append, (60.0,))
        webhook.send({"number": 0})
        wait_until(lambda: hook.got, "a request")
        webhook.send({"number": 1})
        webhook.close()
    assert hook.got == [{"number": 0}, {"number": 1}]
    assert told == ["budget webhook: a message was given up (HTTP status 500)"]


def test_more_than_may_wait(tmp_path: Path) -> None:
    """Is given up at once, and told; nothing blocks."""
    told: list[str] = []
    with serving(Hook(500)) as hook:
        webhook = Webhook(url_file(tmp_path, hook.url), "budget", told.append, (60.0,))
        webhook.send({"number": 0})
        wait_until(lambda: hook.got, "a request")
        for number in range(WAITING_MAX + 2):
            webhook.send({"number": number})
    assert told == [f"budget webhook: a message was given up ({WAITING_MAX} messages wait)"]
