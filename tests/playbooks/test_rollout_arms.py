"""A rollout through the machine: which version an exchange gets, and what its entry says of that."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.rollouts import Arm, RolloutArm
from extproc.exchange.events import StreamClosed
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.lines import RecordReader, RecordWriter, died_record, ended_record
from extproc.ledger.schema import row_of
from extproc.rollout.gates import left_out_as, observed_in
from tests.playbooks.driver import (
    METER,
    PROMPT,
    VERSION,
    Conversation,
    asked,
    chat_answer,
    chunks,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
)
from tests.unit.rollouts import share_of

HALF = share_of(stable="v1", canary="v2", step=2)
SERVED = {Arm.STABLE: ("v1", "tiny"), Arm.CANARY: ("v2", "tiny-next")}


def rolled_out(**sections: Any) -> Snapshot:
    """Half of the conversations go from v1 to v2, though that has no weight."""
    return snapshot_of(VERSION, PROMPT, METER, shares=(HALF._replace(**sections.pop("share", {})),), **sections)


def part_of(arm: Arm) -> tuple[str, RolloutArm]:
    """A conversation with that arm, and its part."""
    rollout = rolled_out().models["tiny"].rollout
    assert rollout is not None
    parts = ((name, rollout.part_of(b"header\x00" + name.encode())) for name in map(str, range(100)))
    return next((name, part) for name, part in parts if part.arm is arm)


def ended(talk: Conversation) -> LedgerEntry:
    """The entry of an exchange, after its whole answer."""
    talk.hears(response_headers())
    talk.hears_all(chunks(chat_answer("Hi"))).hears(StreamClosed())
    return entry_of(talk)


def entry_of(talk: Conversation) -> LedgerEntry:
    """The entry of an exchange that has ended."""
    writer = RecordWriter()
    begin = writer.begin_of(talk.record, 0)
    return RecordReader().read(ended_record(begin, writer.end_of(talk.record, talk.record.version)))


def part_in(entry: LedgerEntry) -> tuple[str, int, str, int]:
    """What an entry says of a rollout."""
    return entry.rollout, entry.rollout_step, entry.arm, entry.unit


NO_PART = ("", 0, "", 0)


@pytest.mark.parametrize("arm", list(Arm))
def test_an_exchange_of_each_arm(arm: Arm) -> None:
    """The model server gets the request of the version of the arm, in every turn; the entry names the arm."""
    name, part = part_of(arm)
    for turn in ("Good morning", "And now?"):
        talk = asked(rolled_out(), body=request_body(messages=[{"role": "user", "content": turn}]), x_conversation=name)
        assert talk.server_json["model"] == SERVED[arm][1]
        roles = [message["role"] for message in talk.server_json["messages"]]
        assert roles == (["system", "user"] if arm is Arm.CANARY else ["user"])
        entry = ended(talk)
        assert (entry.version, part_in(entry)) == (SERVED[arm][0], ("ro-1", 2, arm.value, part.unit))
        assert {gate: seen[1] for gate, seen in observed_in(row_of(entry))}["error"] == 0


def test_what_a_killed_processor_leaves_has_its_part() -> None:
    """It stands in the beginning, which is written when the request goes on."""
    name, part = part_of(Arm.CANARY)
    talk = asked(rolled_out(), x_conversation=name)
    talk.hears(StreamClosed())
    entry = RecordReader().read(died_record(RecordWriter().begin_of(talk.record, 0), 10**18))
    assert part_in(entry) == ("ro-1", 2, "canary", part.unit)
    assert left_out_as(row_of(entry)) == "processor_died"


@pytest.mark.parametrize("pin", ["v1", "v2"])
def test_a_pinned_exchange_has_no_part(pin: str) -> None:
    """Somebody chose it."""
    for arm in Arm:
        entry = ended(asked(rolled_out(), x_conversation=part_of(arm)[0], x_pin=pin))
        assert (entry.version, part_in(entry)) == (pin, NO_PART)


def test_an_exchange_of_another_team_has_no_part() -> None:
    """It stays on the stable version, also where the coin gives the canary."""
    name, part = part_of(Arm.CANARY)
    compiled = rolled_out(share={"teams": ("search",)}, identity={"teams": ["search", "hr"]})
    ours = ended(asked(compiled, x_conversation=name, x_team="search"))
    theirs = ended(asked(compiled, x_conversation=name, x_team="hr"))
    assert (ours.team, ours.version, part_in(ours)) == ("search", "v2", ("ro-1", 2, "canary", part.unit))
    assert (theirs.team, theirs.version, part_in(theirs)) == ("hr", "v1", NO_PART)


def test_a_rollout_that_has_ended_only_has_its_share() -> None:
    """All go to the canary, and nothing is compared."""
    compiled = rolled_out(share={"share": 1.0, "measures": False})
    entry = ended(asked(compiled, x_conversation=part_of(Arm.STABLE)[0]))
    assert (entry.version, part_in(entry)) == ("v2", NO_PART)


def test_the_answer_of_a_fallback_is_an_error_of_the_arm() -> None:
    """Whatever the other version answered."""
    versions = {
        name: {
            "weight": weight,
            "endpoints": [f"127.0.0.1:{port}"],
            "price": {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1},
        }
        for name, weight, port in (("v1", 1, 1), ("v2", 0, 2))
    }
    model = {"versions": versions, "sticky": {"header": "x-conversation"}, "fallback": {"to": ["v1", "v2"]}}
    compiled = rolled_out(models={"tiny": model})
    name, part = part_of(Arm.CANARY)
    talk = Conversation(compiled)
    talk.exchange = Exchange(compiled, "exchange-1", 0, egressed=frozenset({"tiny/v1", "tiny/v2"}))
    talk.hears_all([request_headers(x_conversation=name), request_body()])
    attempts = "tiny/v2=reset=,tiny/v1=answered="
    talk.hears(response_headers(x_llm_served_version="tiny/v1", x_llm_attempts=attempts))
    talk.hears_all(chunks(chat_answer("Hi"))).hears(StreamClosed())
    entry = entry_of(talk)
    assert (entry.chosen, entry.version, part_in(entry)) == ("tiny/v2", "v1", ("ro-1", 2, "canary", part.unit))
    row = row_of(entry)
    assert left_out_as(row) == "fallback"
    assert [(gate, seen) for gate, seen in observed_in(row)] == [("error", (1, 1.0, 1.0))]
