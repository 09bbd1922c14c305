"""Two processors on one path, as a conversation: what the second leaves out, and when it believes no mark.

client -> gateway (role route) -> sidecar (role guard) -> model server
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from extproc.domain.contract import MARK_HEADER
from extproc.domain.hop_results import MarkResult
from extproc.domain.record import Coverage, Outcome
from extproc.exchange.egress import EgressExchange
from extproc.exchange.events import (
    ContinueBody,
    ContinueHeaders,
    RequestBody,
)
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.used_marks import UsedMarks
from tests.playbooks.callers import NOW_S
from tests.playbooks.driver import (
    Conversation,
    request_body,
    request_headers,
    text_of,
)
from tests.playbooks.hops import (
    BOTH_KEYS,
    HOPS,
    MASKED,
    OTHER_KEY,
    PERSONAL,
    PROMPT_TEXT,
    V2,
    Path,
    counted,
    gateway,
    judged,
    sidecar,
)

# --- both hops -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
def test_two_hops_guard_count_and_prompt_once(streamed: bool) -> None:
    """The gateway does all of it; the sidecar passes the response unread."""
    path = Path(gateway(), sidecar()).asks(PERSONAL, stream=streamed).answers(PERSONAL, streamed)
    front, behind = path.records
    assert path.mark is MarkResult.GOOD
    assert path.prompts == [PROMPT_TEXT]
    assert path.behind.server_json["messages"][-1]["content"] == MASKED
    assert path.behind.server == path.front.server
    shown = (
        text_of(path.front.client_events) if streamed else path.front.client_json["choices"][0]["message"]["content"]
    )
    assert shown == MASKED
    assert front.findings == {("pii", "request", "EMAIL"): 1, ("pii", "response", "EMAIL"): 1}
    assert (behind.findings, behind.outcome) == ({}, Outcome.PASSED)
    assert judged(behind) == {Coverage.SKIPPED_IN_FRONT.value}
    assert (counted(front), counted(behind), behind.usage) == (True, False, None)
    assert behind.front_exchange == front.id == "exchange-1"


def test_only_the_first_hop_has_an_entry_in_the_ledger() -> None:
    """It is begun when the request goes on."""
    path = Path(gateway(), sidecar()).asks()
    assert [step.sent_on is not None for step in path.front.steps] == [False, True]
    assert [step.sent_on for step in path.behind.steps] == [None, None]


def test_the_model_server_sees_no_mark() -> None:
    """The second hop takes it off, and the first one a client's."""
    path = Path(gateway(), sidecar()).asks()
    assert MARK_HEADER in path.headers
    assert MARK_HEADER in path.removed
    client = Conversation(gateway(), utc_s=NOW_S)
    event = request_headers()
    event.headers = {**event.headers, MARK_HEADER: "forged"}
    (passed,) = client.hears(event)
    assert isinstance(passed, ContinueHeaders)
    assert MARK_HEADER in passed.changes.remove


def test_without_hops_nothing_is_marked_or_looked_for() -> None:
    """As before."""
    path = Path(gateway(hops=None), sidecar(hops=None)).asks()
    assert MARK_HEADER not in path.headers
    assert path.mark is None


# --- the mark does not vouch ---------------------------------------------------------------------------------------


def on_its_own(path: Path) -> bool:
    """Whether the second hop guards, counts and inserts the prompt."""
    path.answers(PERSONAL)
    behind = path.behind.record
    masked = path.behind.client_json["choices"][0]["message"]["content"] == MASKED
    return masked and counted(behind) and PROMPT_TEXT in path.prompts and judged(behind) == {"checked"}


def test_a_first_hop_that_is_older_sets_no_mark() -> None:
    """Then the second guards as well: at least once."""
    path = Path(gateway(hops=None), sidecar()).asks(PERSONAL)
    assert (path.mark, on_its_own(path)) == (MarkResult.ABSENT, True)


def test_a_second_hop_that_is_older_guards_again() -> None:
    """It removes the mark as any internal header."""
    path = Path(gateway(), sidecar(hops=None)).asks(PERSONAL)
    assert MARK_HEADER in path.removed
    assert (path.mark, on_its_own(path)) == (None, True)


def test_a_client_that_gets_around_the_gateway_is_guarded() -> None:
    """With a mark of its own making, or with none."""
    for header, result in ((None, MarkResult.ABSENT), ("a.b.c", MarkResult.UNKNOWN_KEY), ("yes", MarkResult.MALFORMED)):
        path = Path(gateway(), sidecar())
        path.front = Conversation(gateway(), utc_s=NOW_S)
        path.headers = {} if header is None else {MARK_HEADER: header}
        path.goes_on(request_body(messages=[{"role": "user", "content": PERSONAL}]).body)
        assert path.mark is result
        assert path.behind.server_json["messages"][-1]["content"] == MASKED
        assert path.prompts == [PROMPT_TEXT]


def test_a_stolen_mark_vouches_for_no_other_body() -> None:
    """Nor for the same one with a blank."""
    path = Path(gateway(), sidecar()).asks()
    for body in (
        request_body(messages=[{"role": "user", "content": PERSONAL}]).body,
        (path.front.server or b"") + b" ",
    ):
        again = Path(gateway(), sidecar(), headers=path.headers)
        again.front = path.front
        assert again.goes_on(body).mark is MarkResult.OTHER_BODY
        assert judged(again.behind.exchange.record) == {"checked"}


def test_a_request_at_the_server_of_another_version_is_guarded() -> None:
    """It has the wrong prompt, but is not unguarded."""
    path = Path(gateway(), sidecar(version="v1")).asks(PERSONAL)
    assert path.mark is MarkResult.OTHER_VERSION
    assert judged(path.behind.exchange.record) == {"checked"}


def test_a_mark_of_one_api_vouches_for_no_other() -> None:
    """The same body may hold other texts there."""
    path = Path(gateway(), sidecar()).asks()
    path.goes_on(path.front.server or b"", "/v1/messages")
    assert path.mark is MarkResult.OTHER_ENDPOINT


def test_a_copied_mark_vouches_once() -> None:
    """A copy of the whole request would else get an unguarded answer that nobody counts."""
    used = UsedMarks()
    path = Path(gateway(), sidecar()).asks()
    body = path.front.server or b""
    assert [path.goes_on(body, used_marks=used).mark for _ in range(2)] == [MarkResult.GOOD, MarkResult.USED]
    assert judged(path.behind.exchange.record) == {"checked"}


@pytest.mark.parametrize(("late_s", "uses", "result"), [(0, 2, "used"), (3_600, 1, "expired")])
def test_a_mark_that_came_too_often_or_late_still_says_what_the_body_is(late_s: int, uses: int, result: str) -> None:
    """A retry of the gateway, or a wrong clock: guarded and counted again, but the prompt is in the body already."""
    used = UsedMarks()
    path = Path(gateway(), sidecar(), late_s).asks(PERSONAL)
    for _ in range(uses):
        path.goes_on(path.front.server or b"", used_marks=used)
    assert (path.mark, path.prompts) == (result, [PROMPT_TEXT])
    path.answers(PERSONAL)
    assert judged(path.behind.record) == {"checked"}
    assert counted(path.behind.record)


def test_a_mark_that_does_not_vouch_is_not_used_up() -> None:
    """Else somebody could use up that of another client, with another body."""
    used = UsedMarks()
    path = Path(gateway(), sidecar()).asks()
    body = path.front.server or b""
    marks = [path.goes_on(one, used_marks=used).mark for one in (body + b" ", body)]
    assert marks == [MarkResult.OTHER_BODY, MarkResult.GOOD]


@pytest.mark.parametrize(("late_s", "result"), [(-60, "good"), (59, "good"), (-62, "expired"), (62, "expired")])
def test_a_mark_expires(late_s: int, result: str) -> None:
    """By either clock."""
    assert Path(gateway(), sidecar(), late_s).asks().mark == result


def test_the_age_is_that_of_the_second_hop() -> None:
    """It is the one that would be deceived."""
    strict = sidecar(hops={**HOPS, "age_s_max": 5})
    assert [Path(gateway(), strict, late_s).asks().mark for late_s in (4, 7)] == ["good", "expired"]


def test_keys_are_rotated_by_the_second_hops_first() -> None:
    """Each accepts two keys; with the wrong order both guard for a while."""
    assert Path(gateway(hops=OTHER_KEY), sidecar()).asks().mark is MarkResult.UNKNOWN_KEY
    for first in (HOPS, OTHER_KEY, BOTH_KEYS):
        assert Path(gateway(hops=first), sidecar(hops=BOTH_KEYS)).asks().mark is MarkResult.GOOD
    assert Path(gateway(hops=BOTH_KEYS), sidecar(hops=OTHER_KEY)).asks().mark is MarkResult.GOOD


# --- fallback ------------------------------------------------------------------------------------------------------


def test_a_call_in_role_egress_signs_for_the_body_that_it_sends() -> None:
    """With a fallback the first call leaves prompt and model name open, and its mark is for that body alone."""
    snapshot, second = gateway(), sidecar()
    front = Exchange(snapshot, "e-7", 0, utc_s=NOW_S, egressed=frozenset({"tiny/v2"}))
    front.step(request_headers(**V2), 1)
    asked = request_body(messages=[{"role": "user", "content": PERSONAL}])
    (forward,) = front.step(asked, 2).commands
    assert isinstance(forward, ContinueBody)
    open_body, headers = forward.body or asked.body, dict(forward.changes.set)
    direct = Path(snapshot, second, headers=headers)
    assert direct.goes_on(open_body).mark is MarkResult.GOOD
    assert direct.prompts == [PROMPT_TEXT]  # nobody has inserted it yet, and the mark says so
    attempt = attempted(snapshot, headers, open_body)
    path = Path(snapshot, second, headers=dict(attempt.changes.set)).goes_on(attempt.body or open_body)
    assert (path.mark, path.prompts) == (MarkResult.GOOD, [PROMPT_TEXT])
    assert path.behind.exchange.record.front_exchange == "e-7"


@pytest.mark.parametrize("kind", ["none", "forged", "another body"])
def test_role_egress_signs_nothing_that_it_cannot_check(kind: str) -> None:
    """The next hop guards then."""
    path = Path(gateway(), sidecar()).asks()
    headers = dict(path.headers)
    headers[MARK_HEADER] = {"none": "", "forged": "a.b.c"}.get(kind, headers[MARK_HEADER])
    if kind == "none":
        del headers[MARK_HEADER]
    attempt = attempted(path.first, headers, request_body().body)
    assert MARK_HEADER not in dict(attempt.changes.set)


def attempted(snapshot: Snapshot, headers: Mapping[str, str], body: bytes) -> ContinueBody:
    """One attempt, in role egress."""
    egress = EgressExchange(snapshot, "tiny/v2", 0, utc_s=NOW_S)
    event = request_headers()
    event.headers = {**event.headers, **headers}
    (passed,) = egress.step(event, 1).commands
    assert isinstance(passed, ContinueHeaders)
    assert (MARK_HEADER in passed.changes.remove) == (MARK_HEADER in headers)
    (forward,) = egress.step(RequestBody(body), 2).commands
    assert isinstance(forward, ContinueBody), json.dumps(str(forward))
    return forward
