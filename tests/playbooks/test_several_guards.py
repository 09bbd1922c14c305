"""Several guards that may end one text: what is found and counted is what stands before the earliest end."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.record import Outcome
from tests.playbooks.driver import DONE, METER, PII, answered, chat_answer, chat_chunk, snapshot_of, text_of

NUMBERS: dict[str, Any] = {**PII, "name": "numbers", "entities": ["PHONE", "IBAN"], "action": "block"}
MAIL: dict[str, Any] = {**PII, "name": "mail", "entities": ["EMAIL"], "action": "block"}
CARDS: dict[str, Any] = {**PII, "name": "cards", "entities": ["CREDIT_CARD"]}
IBAN = "DE89 3704 0044 0532 0130 00"
TAILS = [f"then {IBAN}", "x" * 2_100, "card 4111 1111 1111 1111"]


@pytest.mark.parametrize("guards", [(NUMBERS, MAIL, CARDS), (CARDS, MAIL, NUMBERS), (MAIL, CARDS, NUMBERS)])
@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_what_stands_behind_an_end_is_not_told(guards: tuple[dict[str, Any], ...], tail: str, pieces: int) -> None:
    """Whatever the order of the guards, in one piece or in many: no finding, no mask, no limit that was met."""
    text = f"Write to ann@example.org {tail}"
    snapshot = snapshot_of(METER, *guards)
    whole = answered(snapshot, chat_answer(text))
    size = len(text) // pieces + 1
    words = [text[at : at + size] for at in range(0, len(text), size)]
    stream = b"".join(map(chat_chunk, words)) + chat_chunk(finish="stop") + DONE
    streamed = answered(snapshot, stream, stream=True)
    assert whole.client_json["choices"][0]["message"]["content"] == "Write to "
    assert text_of(streamed.client_events) == "Write to "
    for talk in (whole, streamed):
        assert talk.record.findings == {("mail", "response", "EMAIL"): 1}
        assert talk.record.outcome is Outcome.CUT


def test_the_earlier_end_counts_whichever_guard_is_listed_first() -> None:
    """And only its finding is told."""
    for guards in ((NUMBERS, MAIL), (MAIL, NUMBERS)):
        first_mail = answered(snapshot_of(METER, *guards), chat_answer(f"ann@example.org or {IBAN}"))
        first_number = answered(snapshot_of(METER, *guards), chat_answer(f"{IBAN} or ann@example.org"))
        assert first_mail.record.verdicts == {("mail", "response", "block"): 1}
        assert first_number.record.verdicts == {("numbers", "response", "block"): 1}
