"""Recorded exchanges with a real vLLM, in every API, are read from the wire as they are and run through the machine."""

from __future__ import annotations

import pytest

from extproc.demo.catalog import shipped
from extproc.domain.text import Direction
from extproc.dryrun.driver import drawn_cuts, dry_run
from extproc.dryrun.message import looks_like, read_answer, read_request
from tests.playbooks.driver import METER, PII, snapshot_of
from tests.stream.recorded import recorded

NAMES = [name for name in sorted(shipped().names) if (item := recorded(name)) is not None and item.status == 200]
OPEN = snapshot_of(METER, requests={"media": "pass", "token_ids": "pass"})
GUARDED = snapshot_of(PII, METER, requests={"media": "pass", "token_ids": "pass"})


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_runs_as_it_came(name: str) -> None:
    """Without guards the client reads what the model said; with one, the same for any cut; nothing fails."""
    recording = shipped()[name]
    assert (looks_like(recording.request), looks_like(recording.response)) == ("request", "response")
    request, answer = read_request(recording.request), read_answer(recording.response)
    run = dry_run(OPEN, request, answer)
    assert run.errors == ()
    if run.model is None:  # a request that is refused whatever the guards
        assert run.reply is not None
        return
    assert run.texts(Direction.RESPONSE) == run.texts_after(Direction.RESPONSE)
    whole = dry_run(GUARDED, request, answer)
    cut = dry_run(GUARDED, request, answer, cuts=drawn_cuts(len(answer.body), name))
    assert whole.errors == cut.errors == ()
    assert whole.texts_after(Direction.RESPONSE) == cut.texts_after(Direction.RESPONSE)


def test_there_are_recordings_of_every_kind() -> None:
    """Streamed and not, of several APIs; most are forwarded."""
    runs = [dry_run(OPEN, read_request(shipped()[name].request)) for name in NAMES]
    assert {run.record.endpoint for run in runs} >= {"chat", "completions", "responses", "messages"}
    assert sum(run.model is not None for run in runs) > 0.8 * len(runs)
