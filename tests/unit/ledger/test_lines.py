"""What is written of an exchange, and the entry that it becomes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.domain.record import ANSWERED, Attempt, Outcome, VersionFacts
from extproc.domain.rollouts import UNITS, Arm, RolloutArm
from extproc.domain.signals import ASKS_BACK, LENGTH, AnswerSignals
from extproc.domain.storable_names import NAME_BYTES_MAX
from extproc.domain.token_rates import START
from extproc.domain.trace_context import TraceContext
from extproc.domain.usage import Prices, Usage, cost_of
from extproc.ledger.entry import FINDINGS_MAX, EntryOutcome, LedgerEntry, TokenSource, TriedVersion
from extproc.ledger.lines import (
    BEGIN_FIELDS,
    END_FIELDS,
    NoEntry,
    RecordReader,
    RecordWriter,
    died_record,
    ended_record,
    outcome_of,
)
from extproc.ledger.open_exchanges import TEXT_BYTES_MAX
from tests.unit.ledger.records import MS_NS, STARTED_NS, VERSION, record_of

WALL_NS = 1_795_000_000_000_000_000
OFFSET_NS = WALL_NS - STARTED_NS
DIED = EntryOutcome.PROCESSOR_DIED


def entry_of(**changed: Any) -> LedgerEntry:
    """The entry that a record becomes."""
    record, writer = record_of(**changed), RecordWriter()
    begin = writer.begin_of(record, OFFSET_NS)
    return RecordReader().read(ended_record(begin, writer.end_of(record, record.version)))


def test_an_entry_of_a_completed_exchange() -> None:
    """Field by field."""
    assert entry_of(findings={("pii", "response", "EMAIL"): 2}, finding_count=2, tool_calls=3) == LedgerEntry(
        exchange="ab12-1",
        started_at_us=WALL_NS // 1_000,
        sent_at_us=(WALL_NS + 2 * MS_NS) // 1_000,
        first_token_at_us=(WALL_NS + 50 * MS_NS) // 1_000,
        ended_at_us=(WALL_NS + 900 * MS_NS) // 1_000,
        revision="r1",
        team="search",
        project="index",
        identity_source="claimed",
        endpoint="chat",
        policy="default",
        model_asked="fast",
        model="tiny",
        version="v1",
        fingerprint="f1",
        prompt="helper",
        prompt_fingerprint="p1",
        price_revision="c1",
        prompt_tokens=100,
        prompt_tokens_source=TokenSource.REPORTED,
        cached_tokens=40,
        cached_tokens_source=TokenSource.REPORTED,
        completion_tokens=7,
        completion_tokens_source=TokenSource.REPORTED,
        reasoning_tokens=2,
        reasoning_tokens_source=TokenSource.REPORTED,
        cost_micro_usd=94,
        choices=1,
        finish_reasons=("stop",),
        tool_calls=3,
        finding_count=2,
        findings={"pii/response/EMAIL": 2},
        request_bytes=300,
        response_bytes=4_000,
        outcome=EntryOutcome.COMPLETED,
        status=200,
    )


@pytest.mark.parametrize(
    ("usage", "prompt_reported", "of_prompt", "of_completion"),
    [
        (Usage(5, 3), False, TokenSource.REPORTED, TokenSource.REPORTED),
        (Usage(5, 3, estimated=True), True, TokenSource.REPORTED, TokenSource.ESTIMATED),
        (Usage(5, 3, estimated=True), False, TokenSource.ESTIMATED, TokenSource.ESTIMATED),
        (None, False, None, None),
    ],
)
def test_each_count_says_who_counted(usage: Any, prompt_reported: bool, of_prompt: Any, of_completion: Any) -> None:
    """A stream may tell the prompt's tokens and break off before the completion's."""
    entry = entry_of(usage=usage, prompt_reported=prompt_reported)
    assert (entry.prompt_tokens_source, entry.cached_tokens_source) == (of_prompt, of_prompt)
    assert (entry.completion_tokens_source, entry.reasoning_tokens_source) == (of_completion, of_completion)
    assert (entry.prompt_tokens, entry.completion_tokens) == ((5, 3) if usage else (0, 0))


def test_signals_are_in_the_entry_by_name() -> None:
    """Those that are known."""
    signals = AnswerSignals(values={LENGTH: 7.5}, question=5, request=6, words=frozenset({1}))
    signals.judge(ASKS_BACK, True)
    signals.judge(ASKS_BACK, False)
    assert entry_of(signals=signals).signals == {"asks_back": [1, 2], "length": 7.5}
    assert entry_of(signals=None).signals == {}


def test_a_spool_of_another_release_has_fewer_signals_or_more() -> None:
    """They are told by their places."""
    record, writer = record_of(), RecordWriter()
    fields = END_FIELDS[: END_FIELDS.index("signals")]
    begin, end = orjson.loads(writer.begin_of(record, OFFSET_NS)), orjson.loads(writer.end_of(record, None))
    assert RecordReader(end_fields=fields).entry_of(begin, end[: len(fields)]).signals == {}
    more = [0, 1] + [0] * 40
    newer = [*end[: len(fields)], [more, more, {}], *end[len(fields) + 1 :]]
    assert RecordReader().entry_of(begin, newer).signals == {"token_limit": [1, 1]}


def test_by_what_else_an_exchange_is_found() -> None:
    """The id of its response, and its trace; an older release knew neither."""
    trace = TraceContext(0x4BF92F3577B34DA6A3CE929D0E0E4736, 1, 0, True, "")
    entry = entry_of(response_id="chatcmpl-1", trace=trace)
    assert (entry.response_id, entry.trace_id) == ("chatcmpl-1", "4bf92f3577b34da6a3ce929d0e0e4736")
    record, writer = record_of(response_id="chatcmpl-1", trace=trace), RecordWriter()
    begin, end = orjson.loads(writer.begin_of(record, OFFSET_NS)), orjson.loads(writer.end_of(record, None))
    old = RecordReader(BEGIN_FIELDS[: BEGIN_FIELDS.index("trace_id")], END_FIELDS[: END_FIELDS.index("response_id")])
    older = old.entry_of(begin[: BEGIN_FIELDS.index("trace_id")], end[: END_FIELDS.index("response_id")])
    assert (older.response_id, older.trace_id, older.outcome) == ("", "", entry.outcome)


@pytest.mark.parametrize("arm", list(Arm))
def test_the_part_in_a_rollout_is_in_the_entry(arm: Arm) -> None:
    """Also of an exchange that a killed processor left, as it stands in the beginning."""
    part = RolloutArm("ro-1", 2, arm, UNITS - 1)
    died = RecordReader().read(died_record(RecordWriter().begin_of(record_of(arm=part), OFFSET_NS), WALL_NS))
    for entry in (entry_of(arm=part), died):
        assert (entry.rollout, entry.rollout_step, entry.arm, entry.unit) == ("ro-1", 2, arm.value, UNITS - 1)


def test_a_spool_of_a_release_without_rollouts_has_no_part_in_one() -> None:
    """Neither has an exchange outside of all rollouts."""
    record, writer = record_of(arm=RolloutArm("ro-1", 2, Arm.CANARY, 7)), RecordWriter()
    fields = BEGIN_FIELDS[: BEGIN_FIELDS.index("rollout")]
    begin, end = orjson.loads(writer.begin_of(record, OFFSET_NS)), orjson.loads(writer.end_of(record, None))
    for entry in (entry_of(), RecordReader(fields).entry_of(begin[: len(fields)], end)):
        assert (entry.rollout, entry.rollout_step, entry.arm, entry.unit) == ("", 0, "", 0)


def test_the_server_that_answered_is_in_the_entry() -> None:
    """An older release did not write it; of an exchange whose processor was killed nobody knows it."""
    assert entry_of(server="10.0.0.7:8000").server == "10.0.0.7:8000"
    record, writer = record_of(server="10.0.0.7:8000"), RecordWriter()
    begin, end = writer.begin_of(record, OFFSET_NS), orjson.loads(writer.end_of(record, None))
    fields = END_FIELDS[: END_FIELDS.index("server")]
    older = RecordReader(end_fields=fields).entry_of(orjson.loads(begin), end[: len(fields)])
    assert (older.server, older.outcome) == ("", EntryOutcome.COMPLETED)
    assert RecordReader().read(died_record(begin, WALL_NS)).server == ""


def test_the_version_that_answered_is_in_the_entry() -> None:
    """Of an exchange that began with another one."""
    record, writer = record_of(), RecordWriter()
    begin = writer.begin_of(record, OFFSET_NS)
    record.version = VersionFacts("tiny", "v2", "f2", Prices(1, 1, 1), "", "", "c2")
    record.chosen = VERSION
    record.attempts = (Attempt("tiny/v1", "reset"), Attempt("tiny/v2", ANSWERED))
    entry = RecordReader().read(ended_record(begin, writer.end_of(record, VERSION)))
    assert (entry.version, entry.fingerprint, entry.prompt, entry.price_revision) == ("v2", "f2", "", "c2")
    assert entry.chosen == "tiny/v1"
    assert entry.attempts == (TriedVersion("tiny/v1", "reset"), TriedVersion("tiny/v2", ANSWERED))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, EntryOutcome.COMPLETED),
        ({"outcome": Outcome.CUT}, EntryOutcome.CUT),
        ({"outcome": Outcome.FAILED}, EntryOutcome.FAILED),
        ({"outcome": Outcome.UPSTREAM_ERROR}, EntryOutcome.UPSTREAM_ERROR),
        ({"outcome": Outcome.ABORTED}, EntryOutcome.CLIENT_LEFT),
        ({"outcome": Outcome.ABORTED, "response_began": True}, EntryOutcome.ABORTED),
        ({"outcome": Outcome.ABORTED, "response_began": True, "reason": "drained"}, EntryOutcome.DRAINED),
        ({"outcome": Outcome.REJECTED, "sent_ns": 0}, EntryOutcome.REFUSED),
        ({"outcome": Outcome.FAILED, "sent_ns": 0}, EntryOutcome.REFUSED),
        ({"outcome": Outcome.LOCAL_REPLY, "sent_ns": 0, "local_reply": "request_payload_too_large"}, "refused"),
        (
            {
                "outcome": Outcome.LOCAL_REPLY,
                "local_reply": "upstream_reset_before_response_started{connection_termination}",
            },
            EntryOutcome.UPSTREAM_DIED,
        ),
        (
            {
                "outcome": Outcome.LOCAL_REPLY,
                "local_reply": "upstream_reset_before_response_started{remote_connection_failure|refused}",
            },
            EntryOutcome.UNREACHABLE,
        ),
        ({"outcome": Outcome.LOCAL_REPLY, "local_reply": "upstream_response_timeout"}, EntryOutcome.TIMED_OUT),
        ({"outcome": Outcome.LOCAL_REPLY, "local_reply": "no_healthy_upstream"}, EntryOutcome.UNREACHABLE),
    ],
)
def test_how_an_exchange_ended_as_far_as_it_is_known(changed: dict[str, Any], expected: str) -> None:
    """Envoy's own words tell a server that died from one that was never reached."""
    assert outcome_of(record_of(**changed)) == expected


def test_what_a_client_writes_is_bounded_and_cleaned() -> None:
    """Names come from headers. The model's name is only kept if the configuration knows it."""
    entry = entry_of(
        team="x" * 10_000, project="a\r\nb\0", tag="=cmd()", version=None, asked_model="my secret question"
    )
    assert (entry.team, entry.project, entry.use_case) == ("x" * NAME_BYTES_MAX, "a\ufffd\ufffdb\ufffd", "=cmd()")
    assert entry.model_asked == ""


def test_the_longest_record_fits_a_slot() -> None:
    """What a client can make long: all its names at once, in characters of four bytes."""
    long = "\U0001d538" * 10_000
    names = ("team", "project", "budget_code", "tier", "tag", "user", "key_id", "asked_model")
    record = record_of(**dict.fromkeys(names, long))
    record.findings = {("guard", "request", f"KIND_{number}"): 1 for number in range(100)}
    writer = RecordWriter()
    assert len(writer.begin_of(record, OFFSET_NS)) < TEXT_BYTES_MAX
    assert len(writer.end_of(record, record.version)) < TEXT_BYTES_MAX
    assert len(entry_of(findings=record.findings).findings) == FINDINGS_MAX


# --- of a processor that was killed --------------------------------------------------------------------------------


def test_an_exchange_of_a_killed_processor_is_estimated() -> None:
    """By its size, and by the time until the processor was last alive; its price is the one of its version."""
    record = record_of()
    assert record.size is not None
    record.size.answer_tokens_max = 50
    died_ns = WALL_NS + 3_502 * MS_NS
    begin = RecordWriter().begin_of(record, OFFSET_NS)
    entry = RecordReader().read(died_record(begin, died_ns))
    usage = Usage(START.prompt_tokens(record.size), 50, estimated=True)
    assert entry.outcome is DIED
    assert (entry.prompt_tokens, entry.completion_tokens) == (usage.prompt, usage.completion)
    assert {entry.prompt_tokens_source, entry.completion_tokens_source} == {TokenSource.ESTIMATED}
    assert entry.cost_micro_usd == cost_of(usage, VERSION.prices)
    assert (entry.started_at_us, entry.ended_at_us) == (WALL_NS // 1_000, died_ns // 1_000)
    assert (entry.model, entry.price_revision, entry.team) == ("tiny", "c1", "search")


def test_a_clock_that_stepped_back_makes_no_negative_duration() -> None:
    """The processor was last alive before it sent the request on, by the wall clock."""
    entry = RecordReader().read(died_record(RecordWriter().begin_of(record_of(), OFFSET_NS), WALL_NS - 10**12))
    assert entry.ended_at_us == entry.sent_at_us
    assert entry.completion_tokens == 0


def test_an_exchange_that_is_not_metered_has_no_estimate() -> None:
    """Its request was not read."""
    entry = RecordReader().read(died_record(RecordWriter().begin_of(record_of(size=None), OFFSET_NS), WALL_NS))
    assert (entry.prompt_tokens, entry.prompt_tokens_source, entry.cost_micro_usd) == (0, None, 0)


# --- other releases ------------------------------------------------------------------------------------------------


def test_fields_are_found_by_their_names() -> None:
    """A later release may have more of them, in another order."""
    writer, record = RecordWriter(), record_of()
    begin = [*orjson.loads(writer.begin_of(record, OFFSET_NS)), "new"]
    end = orjson.loads(writer.end_of(record, record.version))
    later = RecordReader((*BEGIN_FIELDS, "mood"), tuple(reversed(END_FIELDS)))
    assert later.read(orjson.dumps([begin, end[::-1]])) == entry_of()


@pytest.mark.parametrize(
    "json",
    [
        b"",
        b"{}",
        b"[]",
        b"[1,2]",
        b"[[],[]]",
        b"[[],null]",
        b"[null,null,0]",
        b'{"begin":1}',
    ],
)
def test_a_record_of_something_else_is_no_entry(json: bytes) -> None:
    """It is counted as damaged."""
    with pytest.raises(NoEntry):
        RecordReader().read(json)


@pytest.mark.parametrize(
    ("at", "value"),
    [("team", "a\0b"), ("request_bytes", 1 << 63), ("revision", None), ("started_wall_ns", 1 << 80)],
)
def test_what_no_store_takes_is_no_entry(at: str, value: Any) -> None:
    """A database that refuses one entry would hold up all that follow."""
    writer, record = RecordWriter(), record_of()
    begin = orjson.loads(writer.begin_of(record, OFFSET_NS))
    begin[BEGIN_FIELDS.index(at)] = value if value != 1 << 80 else "x"
    with pytest.raises(NoEntry):
        RecordReader().read(orjson.dumps([begin, orjson.loads(writer.end_of(record, record.version))]))
