"""Controllers get the last word of the process that ships, and never a success that is not known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.domain.rollouts import NOT_HARMED, ControllerVerdict
from extproc.ledger.rollouts.verdict_board import NAME_CHARS_MAX, STALE_S, VerdictBoard, without_ledger
from tests.thorough import examples

NOW_S = 1_800_000_000.0


def verdict(rollout: str = "r1", said: ControllerVerdict = ControllerVerdict.HOLD, **changed: Any) -> dict[str, Any]:
    """One, as it is reported."""
    return {
        **{"id": rollout, "name": "chat-v2", "model": "llama", "canary": "v2", "canary_fingerprint": "f2"},
        **{"verdict": said.value, "healthy": int(said in NOT_HARMED), "reasons": ["One."]},
        **changed,
    }


class Board:
    """One whose clock a test turns."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.board = VerdictBoard((lambda: self.now_s, lambda: NOW_S))

    def report(self, *verdicts: dict[str, Any], ids: list[str] | None = None) -> None:
        """As the process that ships does."""
        self.board.take({"rollouts": [], "rollouts_led": True})
        if verdicts:
            self.board.take({"rollout_ids": ids or [one["id"] for one in verdicts], "rollout_verdicts": verdicts})

    def error(self, name: str, query: str = "") -> tuple[int, str]:
        """Status and sentence."""
        answer = self.board.answer(name, query)
        assert answer.body.keys() == {"error"}
        return answer.status, answer.body["error"]


def test_what_was_reported_is_told() -> None:
    """By name, id or model, with when the store was read."""
    board = Board()
    board.report(verdict())
    board.now_s += 2.5
    for name in ("chat-v2", "r1", "llama"):
        status, body = board.board.answer(name)
        assert status == 200
        assert body == {**verdict(), "at": "2027-01-15T07:59:57+00:00", "age_s": 2.5}


def test_the_last_of_a_name_is_told() -> None:
    """An earlier one by its id; one that the store has no more is forgotten."""
    board = Board()
    board.report(verdict(), verdict("r2", ControllerVerdict.PROMOTED))
    board.report(verdict(said=ControllerVerdict.ROLLED_BACK), ids=["r1", "r2"])
    assert board.board.answer("chat-v2").body["verdict"] == "promoted"
    assert board.board.answer("r1").body["verdict"] == "rolled_back"
    board.report(verdict("r3"), ids=["r2", "r3"])
    assert board.error("r1")[0] == 404


def test_what_is_not_known() -> None:
    """404 where it is known not to be there, 503 where nothing is known."""
    board = Board()
    silent = "The process that ships the ledger has not read the store {}, so nothing is known; its log says why."
    assert without_ledger() == (
        404,
        {"error": "There is no `ledger:` in the configuration, so nothing is rolled out."},
    )
    assert board.error("chat-v2") == (503, silent.format("yet"))
    board.report()
    assert board.error("chat-v2") == (
        404,
        "Nothing was rolled out. `rollouts:` of the configuration or `extproc rollout start` begins one.",
    )
    board.report(verdict())
    assert board.error("chat-v3") == (404, "There is no rollout chat-v3. Did you mean `chat-v2`?")
    assert board.error("x") == (404, "There is no rollout x. There are: `chat-v2`.")
    assert len(board.error("x" * 5_000)[1]) < NAME_CHARS_MAX + 100
    board.now_s += STALE_S + 1
    assert board.error("x") == (503, silent.format("for 61 seconds"))


@given(st.sampled_from(ControllerVerdict), st.floats(0, 1e6))
@settings(max_examples=examples(100))
def test_what_is_old_is_no_success(said: ControllerVerdict, age_s: float) -> None:
    """Whatever it was."""
    board = Board()
    board.report(verdict(said=said))
    board.now_s += age_s
    status, body = board.board.answer("chat-v2", "until=promoted")
    if board.now_s - 100.0 > STALE_S:
        assert (status, body["verdict"], body["healthy"]) == (503, "stale", 0)
        assert "so nothing is known" in body["reasons"][0]
    else:
        assert (body["verdict"], body["healthy"]) == (said.value, int(said in NOT_HARMED))
        assert status == (200 if said is ControllerVerdict.PROMOTED else 503)


def test_a_gate_waits() -> None:
    """Until one of the verdicts that it names; the body says the same either way."""
    board = Board()
    board.report(verdict())
    query = "until=promoted,rolled_back,broken_off"
    assert board.board.answer("chat-v2", query) == (503, board.board.answer("chat-v2").body)
    board.report(verdict(said=ControllerVerdict.BROKEN_OFF))
    assert board.board.answer("chat-v2", query).status == 200
    assert board.board.answer("chat-v2", "until=promoted&until=rolled_back").status == 503


def test_a_word_that_is_none() -> None:
    """A gate that waits for what never comes would wait for ever."""
    assert Board().error("chat-v2", "until=promotet") == (
        400,
        "`until` has 'promotet'. There are: advance, hold, roll_back, paused, promoted, rolled_back, inconclusive, "
        "broken_off, stale.",
    )


@pytest.mark.parametrize("said", [ControllerVerdict.PROMOTED, ControllerVerdict.HOLD])
def test_the_success_of_another_revision_is_none(said: ControllerVerdict) -> None:
    """A name may be used again: what was promoted last month says nothing of what is delivered today."""
    board = Board()
    board.report(verdict(said=said))
    assert board.board.answer("chat-v2", "fingerprint=f2").status == 200
    assert board.board.answer("chat-v2", "fingerprint=").status == 200
    assert board.error("chat-v2", "fingerprint=f3") == (
        404,
        "The last rollout chat-v2 is of the revision f2 of v2, not f3: none of that one has begun.",
    )
