"""Lines for a person say in words what happened, and hold nothing that could forge a line or steer a terminal."""

from __future__ import annotations

import io
import os
import pty
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.document import Log
from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.usage import Prices, Usage
from extproc.server.operations.json_log import open_log
from extproc.server.operations.log_lines import Output
from extproc.server.operations.text_log import line_writer
from extproc.sinks.exchange_log import ExchangeLog

TEXT = Log.model_validate({"format": "text"})
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def written(event: str, section: Log = TEXT, **fields: Any) -> str:
    """A line without its time and level."""
    stream = io.StringIO()
    open_log(section, stream).info(event, **fields)
    match = re.fullmatch(rf"{TIME} info    (.*)\n", stream.getvalue(), re.DOTALL)
    assert match
    return match[1]


def of_exchange(**changes: Any) -> str:
    """The line of an exchange."""
    record = ExchangeRecord("ab12", "r1", 0, endpoint="chat", team="search", outcome=Outcome.COMPLETED, status=200)
    record.version = VersionFacts("llama", "v1", "f", Prices(1, 1, 1))
    record.ended_ns = 3_000_000
    for name, value in changes.items():
        setattr(record, name, value)
    stream = io.StringIO()
    ExchangeLog(open_log(TEXT, stream)).exchange_ended(record)
    return stream.getvalue().split(" info    ")[1].rstrip("\n")


def test_an_exchange_that_was_answered() -> None:
    """Whose it was, and what it cost."""
    assert of_exchange(usage=Usage(10, 5)) == "chat answered. llama/v1, team search, 15 tokens, 3 ms, id ab12"


def test_the_reason_of_a_refusal() -> None:
    """In words: the code, which guard found what, and where. A text of the user is in none of them."""
    line = of_exchange(
        outcome=Outcome.REJECTED,
        status=400,
        reason="prompt_injection",
        findings={("injection", "request", "INJECTION"): 1, ("pii", "request", "EMAIL"): 2},
    )
    assert line == (
        "chat refused, 400: prompt injection. injection found INJECTION in the request. pii found EMAIL 2 times in the"
        " request. llama/v1, team search, 3 ms, id ab12"
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_words(outcome: Outcome) -> None:
    """A new one is noticed: a name with `_` is no word."""
    assert "_" not in of_exchange(outcome=outcome, status=503, reason="", version=None)


def test_an_event_with_its_fields() -> None:
    """Values with blanks are in quotes; a problem of the configuration stands below, a line each."""
    assert written("serving", listen=["unix:/a", "unix:/b"], revision="ab", note="two words", n=3) == (
        'serving listen=["unix:/a", "unix:/b"] revision=ab note="two words" n=3'
    )
    assert written("configuration rejected", problem="a.yaml:1:1: x.\na.yaml:2:1: y.", revision="ab") == (
        "configuration rejected revision=ab\n    a.yaml:1:1: x.\n    a.yaml:2:1: y."
    )


@given(st.text(st.characters(), max_size=30))
def test_no_value_forges_a_line(text: str) -> None:
    """Nor an escape sequence, whatever a header or a name holds."""
    for line in (
        written("something", value=text, list=[text], block={text: text}),
        of_exchange(team=text or "x", id=text, findings={(text, "request", text): 1}, reason=text, texts={text: text}),
    ):
        assert line.isprintable()


def test_worker_lines_say_which_one() -> None:
    """Of events and of exchanges."""
    stream = io.StringIO()
    log = open_log(TEXT, stream).bind(worker=1)
    log.info("serving")
    ExchangeLog(log).exchange_ended(ExchangeRecord("ab12", "r1", 0))
    first, second = stream.getvalue().splitlines()
    assert first.endswith("serving worker=1")
    assert second.endswith(". worker 1")


@pytest.mark.parametrize(("level", "color"), [("info", ""), ("warning", "\x1b[33m"), ("error", "\x1b[31m")])
def test_warnings_and_errors_have_a_color(level: str, color: str) -> None:
    """On a terminal, where the time is that of the day."""
    line = line_writer(on_terminal=True, colors=True)(level, "something", {}, {}).decode()
    assert re.match(r"\d\d:\d\d:\d\d ", line)
    assert ("\x1b[" in line) is bool(color)
    assert color in line


@pytest.mark.parametrize(
    ("format_", "on_terminal", "is_text"),
    [("auto", True, True), ("auto", False, False), ("json", True, False), ("text", False, True)],
)
def test_the_format_fits_the_reader(format_: str, on_terminal: bool, is_text: bool) -> None:
    """Text on a terminal, JSON for a program, and what is configured before both."""
    read_fd, write_fd = pty.openpty() if on_terminal else os.pipe()
    try:
        log = open_log(Log.model_validate({"format": format_}), Output(write_fd), terminal_fd=write_fd)
        log.info("something")
        line = os.read(read_fd, 1_000)
        assert line.startswith(b"{") is not is_text
    finally:
        os.close(read_fd)
        os.close(write_fd)


def test_the_level_of_the_command_line_wins() -> None:
    """Over that of the file, where `warn` means `warning`."""
    stream = io.StringIO()
    section = Log.model_validate_json('{"level": "warn"}')
    assert section.level == "warning"
    open_log(section, stream).info("quiet")
    open_log(section, stream, "debug").debug("loud")
    assert "loud" in stream.getvalue()
    assert "quiet" not in stream.getvalue()
