"""Servers that judge: what they are asked, what their answers mean, and what cannot be an answer."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("httpx2", reason="the extra `http` is not installed")

from extproc.classifiers.http import ChatRunner, ModerationsRunner, scores_of_reply
from extproc.classifiers.runner import ClassifierFailed
from extproc.config.classifiers import ChatClassifier, ModerationsClassifier
from tests.unit.classifiers.runners import SECRET, in_new_loop

Respond = Callable[[dict[str, Any]], bytes]


def ok(answer: Any) -> bytes:
    """An HTTP answer with JSON."""
    return raw(json.dumps(answer).encode())


def raw(body: bytes, status: str = "200 OK") -> bytes:
    """An HTTP answer."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


class Server:
    """A small HTTP server that keeps what it was asked."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self.asked: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.headers.append(head.decode().lower())
                length = next(line for line in self.headers[-1].split("\r\n") if line.startswith("content-length"))
                self.asked.append(json.loads(await reader.readexactly(int(length.partition(":")[2]))))
                writer.write(self._respond(self.asked[-1]))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[Server]:
    """A started one."""
    server = Server(respond)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1/x"
    try:
        yield server
    finally:
        listening.close()


def moderations(url: str, **section: Any) -> ModerationsRunner:
    """A runner on that API."""
    labels = ["hate", "self-harm/intent"]
    fields = {"adapter": "moderations", "url": url, "labels": labels, **section}
    return ModerationsRunner(ModerationsClassifier.model_validate_json(json.dumps(fields)), 5)


def chat_section(**section: Any) -> ChatClassifier:
    """Llama Guard's words."""
    fields = {"adapter": "chat", "url": "http://guard/v1/chat/completions", "labels": ["S1", "S10"], **section}
    return ChatClassifier.model_validate_json(json.dumps(fields))


def judged(text: str) -> dict[str, Any]:
    """What a moderation server says of a text."""
    return {"category_scores": {"hate": 0.9 if "hate" in text else 0.1, "self-harm/intent": 0.2, "other": 1}}


@in_new_loop
async def test_moderations_are_asked_for_all_texts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the configured categories come back; the key is sent, and the connection kept."""
    monkeypatch.setenv("GUARD_KEY", "sesame")
    async with serving(lambda asked: ok({"results": [judged(text) for text in asked["input"]]})) as server:
        runner = moderations(server.url, model="omni", api_key_env="GUARD_KEY")
        scores = await runner.judge(["I hate mornings", "I like mornings"])
        assert scores == [{"hate": 0.9, "self-harm/intent": 0.2}, {"hate": 0.1, "self-harm/intent": 0.2}]
        await runner.judge(["again"])
        assert server.asked[0] == {"model": "omni", "input": ["I hate mornings", "I like mornings"]}
        assert "authorization: bearer sesame" in server.headers[0]
        assert server.connections == 1
        await runner.close()


@in_new_loop
async def test_a_server_that_only_says_yes_or_no_gives_1_or_0() -> None:
    """Some have no scores."""
    answer = {"results": [{"flagged": True, "categories": {"hate": True, "self-harm/intent": False}}]}
    async with serving(lambda _: ok(answer)) as server:
        runner = moderations(server.url)
        assert await runner.judge(["text"]) == [{"hate": 1.0, "self-harm/intent": 0.0}]
        await runner.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (raw(SECRET.encode(), "500 Internal Server Error"), "status 500"),
        (raw(b"", "302 Found"), "status 302"),
        (raw(SECRET.encode()), "reply is not JSON"),
        (ok([]), "reply not understood"),
        (ok({"results": [{}]}), "reply not understood"),
        (ok({"results": [{"category_scores": {"hate": 0.1}}]}), "reply not understood"),
        (ok({"results": [{"category_scores": {"hate": SECRET, "self-harm/intent": 0}}]}), "reply not understood"),
        (raw(b" " * 4_194_305), "reply too large"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "ReadTimeout|RemoteProtocolError"),
        (b"nonsense\r\n\r\n", "RemoteProtocolError"),
    ],
)
@in_new_loop
async def test_what_is_no_answer_is_a_failure(answer: bytes, reason: str) -> None:
    """Never a harmless text; and what the server says is not repeated."""
    async with serving(lambda _: answer) as server:
        runner = moderations(server.url)
        runner._timeout_s = 0.3
        with pytest.raises(ClassifierFailed, match=reason) as failed:
            await runner.judge(["text"])
        assert SECRET not in str(failed.value)
        await runner.close()


@in_new_loop
async def test_no_server_is_a_failure() -> None:
    """It may be starting."""
    runner = moderations("http://127.0.0.1:9/v1/moderations")
    with pytest.raises(ClassifierFailed, match="ConnectError"):
        await runner.judge(["text"])
    await runner.close()


@in_new_loop
async def test_a_key_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a refusal by the server, of every text."""
    monkeypatch.delenv("GUARD_KEY", raising=False)
    runner = moderations("http://127.0.0.1:9/v1/moderations", api_key_env="GUARD_KEY")
    with pytest.raises(ClassifierFailed, match="api_key_env"):
        await runner.judge(["text"])
    await runner.close()


@in_new_loop
async def test_a_guard_model_is_asked_by_its_prompt() -> None:
    """The text stands where the template says, and what it holds is never read as a template."""
    reply = {"choices": [{"message": {"content": "\n\nunsafe\nS10"}, "logprobs": None}]}
    async with serving(lambda _: ok(reply)) as server:
        section = chat_section(url=server.url, prompt="Judge: <{text}>", model="guard", reply_tokens_max=5)
        runner = ChatRunner(section, 5)
        assert await runner.judge(["a {text} {x}", "b"]) == [{"S1": 0.0, "S10": 1.0, "unsafe": 0.0}] * 2
        contents = [asked["messages"] for asked in server.asked]
        assert contents == [[{"role": "user", "content": f"Judge: <{text}>"}] for text in ("a {text} {x}", "b")]
        assert (server.asked[0]["temperature"], server.asked[0]["max_tokens"]) == (0, 5)
        await runner.close()


@in_new_loop
async def test_a_guard_model_is_shown_the_documents_where_its_prompt_says() -> None:
    """Neither of the two can speak in the other's place."""
    async with serving(lambda _: ok({"choices": [{"message": {"content": "safe"}}]})) as server:
        runner = ChatRunner(chat_section(url=server.url, prompt="<{context}> <{text}>"), 5)
        await runner.judge(["an {context}"], "a {text}")
        assert server.asked[0]["messages"][0]["content"] == "<a {text}> <an {context}>"
        await runner.close()


@pytest.mark.parametrize("reply", ["I cannot say", "", {"refusal": "no"}, None])
@in_new_loop
async def test_a_reply_that_says_neither_is_a_failure(reply: Any) -> None:
    """A guard model that was talked into something else must not count as content."""
    async with serving(lambda _: ok({"choices": [{"message": {"content": reply}}]})) as server:
        runner = ChatRunner(chat_section(url=server.url), 5)
        with pytest.raises(ClassifierFailed, match="reply not understood"):
            await runner.judge(["text"])
        await runner.close()


@pytest.mark.parametrize(
    ("reply", "scores"),
    [
        ("safe", {"S1": 0, "S10": 0, "unsafe": 0}),
        ("unsafe\nS1", {"S1": 1, "S10": 0, "unsafe": 0}),
        (" Unsafe\nS1,S10.", {"S1": 1, "S10": 1, "unsafe": 0}),
        ("unsafe\nS5", {"S1": 0, "S10": 0, "unsafe": 1}),
        ("unsafe", {"S1": 0, "S10": 0, "unsafe": 1}),
        ("safe\nS1", {"S1": 0, "S10": 0, "unsafe": 0}),
    ],
)
def test_what_a_reply_means(reply: str, scores: dict[str, float]) -> None:
    """Named categories that are configured, or the objection itself."""
    assert scores_of_reply(chat_section(), reply, {}) == scores


def test_a_word_that_begins_the_other_is_told_apart() -> None:
    """`not safe` and `not safe at all`: the longer one is meant where it stands."""
    section = chat_section(unsafe="no", safe="no harm", labels=[])
    assert scores_of_reply(section, "no harm", {}) == {"no": 0}
    assert scores_of_reply(section, "no", {}) == {"no": 1}


@in_new_loop
async def test_the_score_is_the_probability_of_the_word_where_the_server_tells_it() -> None:
    """ShieldGemma's way: yes against no; other words do not count, and a token may be the beginning of a word."""
    top = [
        {"token": "No", "logprob": math.log(0.6)},
        {"token": " Y", "logprob": math.log(0.2)},
        {"token": "Maybe", "logprob": math.log(0.2)},
    ]
    content = [{"token": "\n", "top_logprobs": []}, {"token": "No", "top_logprobs": top}]
    reply = {"choices": [{"message": {"content": "No"}, "logprobs": {"content": content}}]}
    async with serving(lambda _: ok(reply)) as server:
        section = chat_section(url=server.url, unsafe="Yes", safe="No", labels=[])
        runner = ChatRunner(section, 5)
        (scores,) = await runner.judge(["text"])
        assert scores == {"Yes": pytest.approx(0.25)}
        await runner.close()
