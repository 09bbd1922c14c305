"""Guards that judge answers, in every API: what a client sees is the same streamed and unstreamed.

Each guard's own tests are in ``tests/unit/filters``; here stand what needs a whole exchange: what a request says of its
answer, the version's prompt, and how a server says that a choice has ended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.exchange.events import RequestBody, ResponseBody
from tests.playbooks.answers import DIALECTS, Call, Choice
from tests.playbooks.driver import METER, SSE, VERSION, Conversation, asked, response_headers, snapshot_of
from tests.playbooks.test_law import cut, interleaved, splitter

PROMPT = "You are the second version."
LEAK: dict[str, Any] = {"guard": "prompt_leak", "words_min": 5}
FACTS_GUARD: dict[str, Any] = {"guard": "facts", "file": "facts.yaml"}
DEGENERATE: dict[str, Any] = {"guard": "degenerate"}
GROUNDING: dict[str, Any] = {"guard": "grounding", "context_chars_min": 20}
AS_JSON: dict[str, Any] = {"response_format": {"type": "json_object"}}
AS_JSON_ELSEWHERE: dict[str, dict[str, Any]] = {
    "/v1/responses": {"text": {"format": {"type": "json_object"}}},
    "/v1/messages": {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
}
QUESTION = "What are the hours that you would have to know from the museum?"
IDS = [dialect.path for dialect in DIALECTS]
# What each API says where the greatest number of tokens ended an answer, in the place of what our answers say.
USED_UP = {
    "/v1/chat/completions": ('"finish_reason":"stop"', '"finish_reason":"length"'),
    "/v1/completions": ('"finish_reason":"stop"', '"finish_reason":"length"'),
    "/v1/messages": ('"stop_reason":"end_turn"', '"stop_reason":"max_tokens"'),
    "/v1/responses": (
        '"status":"completed"',
        '"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}',
    ),
}


def asking(dialect: Any, text: str = QUESTION) -> dict[str, Any]:
    """A request of one question."""
    messages = [{"role": "user", "content": text}]
    questions: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"messages": messages},
        "/v1/completions": {"prompt": text},
        "/v1/messages": {"max_tokens": 9, "messages": messages},
        "/v1/responses": {"input": text},
    }
    return questions[dialect.path]


def heard(
    dialect: Any,
    guards: tuple[Mapping[str, Any], ...],
    choices: tuple[Choice, ...],
    seed: int | None = None,
    used_up: bool = False,
    **fields: Any,
) -> tuple[dict[Any, str], ExchangeRecord]:
    """What a client sees of an answer, unstreamed or (with a seed) as a stream cut somehow, and what is noted of it."""
    random = Random(seed)
    full_duplex = random.random() < 0.5
    mode = {"response_stream_mode": "full_duplex" if full_duplex else "streamed"}
    body = {"model": "tiny", "stream": seed is not None, **asking(dialect), **fields}
    if len(choices) > 1:
        body["n"] = len(choices)
    snapshot = snapshot_of(VERSION, *guards, METER, envoy=mode)
    talk = asked(snapshot, dialect.path, RequestBody(json.dumps(body).encode()), x_pin="v2")
    if seed is None:
        answer = dialect.whole(choices)
    else:
        events = interleaved(dialect.events(choices, splitter(random)), random)
        answer = dialect.first() + events + dialect.last(choices)
    if used_up:
        answer = answer.replace(*(text.encode() for text in USED_UP[dialect.path]))
        answer = answer.replace(b"response.completed", b"response.incomplete")
    hear(talk, answer, random if seed is not None else None)
    return (dialect.seen_whole if seed is None else dialect.seen_streamed)(talk.client), talk.record


def hear(talk: Conversation, answer: bytes, random: Random | None) -> None:
    """Bring an answer, whole or in chunks."""
    if random is None:
        talk.hears(response_headers())
        talk.hears(ResponseBody(answer, True))
    else:
        talk.hears(response_headers(SSE))
        talk.hears_all(cut(answer, random))
    assert not talk.errors


def found(record: ExchangeRecord) -> dict[str, int]:
    """How often each kind was found."""
    return {kind: times for (_, _, kind), times in record.findings.items()}


PARTS = st.sampled_from(
    [
        PROMPT,
        "You are the",
        "The museum closes at 18 o'clock.",
        "The museum closes at 20 o'clock.",
        "and so on, " * 30,
        '{"a": [1, 2]}',
        '"',
        "Das ist nicht die Antwort, die Sie von mir auf eine Frage in der Sprache haben wollten. ",
        "In 1999 Eva Miller said so.",
        " ",
        "\n",
        "hello",
    ]
)
TEXTS = st.lists(PARTS, max_size=5).map("".join)
CALLS = st.builds(lambda text: Call("send", json.dumps({"to": text}, separators=(",", ":"))), TEXTS)
CHOICES = st.builds(Choice, TEXTS, TEXTS, st.lists(CALLS, max_size=1).map(tuple))
LOOKING = st.sampled_from(["flag", "shadow"])


@st.composite
def guard_lists(draw: st.DrawFn) -> tuple[dict[str, Any], ...]:
    """Some of the guards in some order, one of which may change answers.

    Of two that do, the first may find something in a text that the second ends before it: how much of it the first
    has seen by then depends on the pieces.
    """
    changing = draw(
        st.sampled_from([None, (LEAK, "mask"), (LEAK, "block"), (FACTS_GUARD, "block"), (DEGENERATE, "block")])
    )
    guards = draw(st.lists(st.sampled_from([LEAK, FACTS_GUARD, DEGENERATE]), unique_by=str))
    listed = [{**guard, "action": draw(LOOKING)} for guard in guards if changing is None or guard is not changing[0]]
    listed += [{**changing[0], "action": changing[1]}] if changing else []
    return tuple(draw(st.permutations([*listed, GROUNDING])))


@pytest.mark.parametrize("dialect", DIALECTS, ids=IDS)
@given(
    choices=st.lists(CHOICES, min_size=1, max_size=2).map(tuple),
    guards=guard_lists(),
    seed=st.integers(0, 1 << 32),
    used_up=st.booleans(),
    fields=st.sampled_from([{}, AS_JSON]),
)
def test_a_stream_is_judged_as_the_whole_answer_is(
    dialect: Any, choices: Any, guards: Any, seed: int, used_up: bool, fields: dict[str, Any]
) -> None:
    """Texts, findings, verdicts, details, outcome and coverage are the same streamed and unstreamed."""
    if dialect.path in ("/v1/messages", "/v1/responses"):
        choices = choices[:1]
    seen_whole, record = heard(dialect, guards, choices, used_up=used_up, **fields)
    seen_streamed, record_streamed = heard(dialect, guards, choices, seed, used_up=used_up, **fields)
    if dialect.path == "/v1/messages" and record.outcome is Outcome.CUT:
        # An input that was cut is no JSON any more: unstreamed it is empty, streamed it is cut.
        seen_whole, seen_streamed = (
            {channel: text for channel, text in seen.items() if channel[1] != "input"}
            for seen in (seen_whole, seen_streamed)
        )
    assert seen_streamed == seen_whole
    assert record_streamed.findings == record.findings
    assert record_streamed.verdicts == record.verdicts
    assert sorted(record_streamed.details) == sorted(record.details)
    assert record_streamed.outcome == record.outcome
    assert record_streamed.coverage == record.coverage


@pytest.mark.parametrize("seed", [None, 1, 2], ids=["whole", "streamed", "streamed otherwise"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=IDS)
class TestEveryApi:
    """Each kind once, in each API."""

    def test_a_leaked_prompt_ends_the_answer(self, dialect: Any, seed: int | None) -> None:
        """The prompt is that of the version that was chosen."""
        seen, record = heard(dialect, (LEAK,), (Choice(content=f"Well: {PROMPT} Yes."),), seed)
        assert "Well: You are" in seen.values()
        assert record.outcome is Outcome.CUT
        assert found(record) == {"PROMPT_LEAK": 1}

    def test_a_clients_own_prompt_can_be_guarded(self, dialect: Any, seed: int | None) -> None:
        """Where the API has one."""
        secret = "Never tell anyone of the blue door in the cellar."
        chat = [{"role": "system", "content": secret}, {"role": "user", "content": QUESTION}]
        prompts: dict[str, dict[str, Any]] = {
            "/v1/chat/completions": {"messages": chat},
            "/v1/completions": {},
            "/v1/messages": {"system": secret},
            "/v1/responses": {"instructions": secret},
        }
        fields = prompts[dialect.path]
        guard = {**LEAK, "of": "client", "action": "mask"}
        seen, record = heard(dialect, (guard,), (Choice(content=f"They said: {secret} {PROMPT}"),), seed, **fields)
        assert found(record) == ({"PROMPT_LEAK": 1} if fields else {})
        assert (f"They said: Never tell <PROMPT>. {PROMPT}" in seen.values()) == bool(fields)

    def test_a_contradicted_fact_ends_the_answer_before_it(self, dialect: Any, seed: int | None) -> None:
        """Sentences before it stand; the fact's id is a detail."""
        text = "Gladly. The museum closes at 20 o'clock. Bye."
        seen, record = heard(dialect, ({**FACTS_GUARD, "action": "block"},), (Choice(content=text),), seed)
        assert "Gladly. " in seen.values()
        assert record.details == ("facts/FACT_CONTRADICTED/closing-time",)
        assert record.outcome is Outcome.CUT

    def test_an_answer_that_was_cut_in_mid_sentence(self, dialect: Any, seed: int | None) -> None:
        """As the API says that the tokens were used up."""
        for used_up, kinds in ((True, {"CUT_SHORT": 1}), (False, {})):
            _, record = heard(dialect, (DEGENERATE,), (Choice(content="It was a dark and"),), seed, used_up=used_up)
            assert found(record) == kinds
        _, record = heard(dialect, (DEGENERATE,), (Choice(content="It was dark."),), seed, used_up=True)
        assert found(record) == {}

    def test_an_answer_without_anything(self, dialect: Any, seed: int | None) -> None:
        """A call of a tool is an answer, thoughts are none."""
        _, record = heard(dialect, (DEGENERATE,), (Choice(reasoning="Hm."),), seed)
        assert found(record) == {"EMPTY": 1}
        if dialect.path != "/v1/completions":
            _, record = heard(dialect, (DEGENERATE,), (Choice(calls=(Call("send", '{"to":"b"}'),)),), seed)
            assert found(record) == {}

    def test_json_that_was_asked_for(self, dialect: Any, seed: int | None) -> None:
        """As each API asks for it."""
        fields = AS_JSON_ELSEWHERE.get(dialect.path, AS_JSON)
        _, record = heard(dialect, (DEGENERATE,), (Choice(content='{"a":1'),), seed, **fields)
        assert found(record) == {"BROKEN_JSON": 1}
        seen, record = heard(
            dialect, ({**DEGENERATE, "action": "block"},), (Choice(content='{"a":x}'),), seed, **fields
        )
        assert '{"a":' in seen.values()
        assert record.outcome is Outcome.CUT

    def test_another_language(self, dialect: Any, seed: int | None) -> None:
        """Than that of the question."""
        text = "Das ist nicht die Antwort, die Sie von mir auf eine Frage in der Sprache haben wollten."
        _, record = heard(dialect, (DEGENERATE,), (Choice(content=text),), seed)
        assert found(record) == {"LANGUAGE": 1}

    def test_what_the_request_does_not_have(self, dialect: Any, seed: int | None) -> None:
        """Items and words, with their scores."""
        text = "In 1999 Eva Miller wrote 345 books. Nobody published anything afterwards, strangely enough."
        _, record = heard(dialect, (GROUNDING,), (Choice(content=text),), seed)
        assert found(record) == {"UNSUPPORTED": 1, "NOVEL_WORDS": 1}
        assert "grounding/UNSUPPORTED/1.00" in record.details


def test_two_choices_are_judged_each() -> None:
    """One is empty, the other was cut in mid-sentence."""
    choices = (Choice(content="It was a dark and"), Choice())
    for seed in (None, 3):
        _, record = heard(DIALECTS[0], (DEGENERATE,), choices, seed, used_up=True)
        assert found(record) == {"CUT_SHORT": 1, "EMPTY": 1}
