"""Runners for remote servers: OpenAI's moderation API, or a guard model behind a chat API."""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import orjson

from extproc.classifiers.runner import ClassifierFailed
from extproc.classifiers.scores import Scores
from extproc.config.classifiers import ChatClassifier, ModerationsClassifier, RemoteClassifier

REPLY_BYTES_MAX = 4_194_304
_TOP_LOGPROBS = 10
_PLACES = re.compile(r"\{text\}|\{context\}")
_REPLY_FAULTS = (LookupError, TypeError, ValueError, AttributeError)


class RemoteRunner:
    """One request at a time over a persistent connection. ``judge`` raises ClassifierFailed."""

    grace_s = 0.0

    def __init__(self, section: RemoteClassifier, deadline_s: float) -> None:
        self._url = section.url
        self._timeout_s = deadline_s
        self._client: httpx2.AsyncClient | None = None
        key = os.environ.get(section.api_key_env, "") if section.api_key_env is not None else ""
        self._is_key_missing = section.api_key_env is not None and not key
        self._headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})

    async def prepare(self) -> None:
        """Load the machine's CA certificates, in a thread: that is slow."""
        await self._connection()

    async def judge(self, texts: Sequence[str], context: str = "") -> list[Scores]:
        """The scores of each text."""
        raise NotImplementedError

    async def reset(self) -> None:
        """Drop the connection with its cancelled request."""

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.aclose()

    async def _connection(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = await asyncio.to_thread(
                httpx2.AsyncClient,
                headers=self._headers,
                timeout=self._timeout_s,
                follow_redirects=False,
                limits=httpx2.Limits(max_connections=1),
                verify=self._url.startswith("https:"),  # nothing to verify without TLS, so skip the CA certificates
            )
        return self._client

    async def _post(self, question: Mapping[str, Any]) -> Any:
        if self._is_key_missing:
            raise ClassifierFailed("the variable of api_key_env is not set")
        client, body = await self._connection(), orjson.dumps(question)
        try:
            async with client.stream("POST", self._url, content=body) as answer:
                if answer.status_code != 200:
                    raise ClassifierFailed(f"status {answer.status_code}")
                reply = bytearray()
                async for piece in answer.aiter_bytes():
                    reply += piece
                    if len(reply) > REPLY_BYTES_MAX:
                        raise ClassifierFailed("reply too large")
            return orjson.loads(reply)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ClassifierFailed(type(error).__name__) from None  # the cause may quote the request
        except orjson.JSONDecodeError:
            raise ClassifierFailed("reply is not JSON") from None


class ModerationsRunner(RemoteRunner):
    """All texts in one request."""

    def __init__(self, section: ModerationsClassifier, deadline_s: float) -> None:
        super().__init__(section, deadline_s)
        self._model = {"model": section.model} if section.model is not None else {}
        self._labels = section.labels

    async def judge(self, texts: Sequence[str], context: str = "") -> list[Scores]:
        """The scores of each text; a server with boolean results gives 1 or 0."""
        reply = await self._post({**self._model, "input": list(texts)})
        try:
            return [self._scores(result) for result in reply["results"]]
        except _REPLY_FAULTS:
            raise ClassifierFailed("reply not understood") from None

    def _scores(self, result: Mapping[str, Any]) -> Scores:
        given = result.get("category_scores") or result["categories"]
        return {label: float(given[label]) for label in self._labels}


class ChatRunner(RemoteRunner):
    """One request per text: the guard model's reply begins with one of two words."""

    def __init__(self, section: ChatClassifier, deadline_s: float) -> None:
        super().__init__(section, deadline_s)
        self._section = section

    async def judge(self, texts: Sequence[str], context: str = "") -> list[Scores]:
        """The scores of each text."""
        return [await self._judge(text, context) for text in texts]

    async def _judge(self, text: str, context: str) -> Scores:
        section = self._section
        places = {"{text}": text, "{context}": context}
        prompt = _PLACES.sub(
            lambda place: places[place[0]], section.prompt
        )  # in one pass: a text may contain "{context}"
        question: dict[str, Any] = {
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": section.reply_tokens_max,
            "temperature": 0,
            "logprobs": True,
            "top_logprobs": _TOP_LOGPROBS,
        }
        if section.model is not None:
            question["model"] = section.model
        reply = await self._post(question)
        try:
            choice = reply["choices"][0]
            return scores_of_reply(section, choice["message"]["content"], _first_token(choice.get("logprobs")))
        except _REPLY_FAULTS:
            raise ClassifierFailed("reply not understood") from None


def _first_token(logprobs: Mapping[str, Any] | None) -> Mapping[str, float]:
    """The most likely first tokens of the reply with their log probabilities; empty if the server does not
    return them.
    """
    content = (logprobs or {}).get("content") or ()
    for token in content:
        if token["token"].strip():
            return {each["token"].strip().lower(): float(each["logprob"]) for each in token["top_logprobs"]}
    return {}


def scores_of_reply(section: ChatClassifier, reply: str, first: Mapping[str, float]) -> Scores:
    """Parse a guard model's reply.

    The score is the probability of the unsafe word relative to the safe one if the server returns it, otherwise 1
    or 0. It goes to the categories in the reply, or to the unsafe label if the reply names none that count. Raises:
    ValueError for a reply that begins with neither word.
    """
    words = reply.strip().lower()
    unsafe, safe = section.unsafe.lower(), section.safe.lower()
    if not words.startswith((unsafe, safe)):
        raise ValueError("neither word")
    objects = words.startswith(unsafe)
    if objects and words.startswith(safe):
        objects = len(unsafe) > len(safe)
    score = _share(unsafe, safe, first) if first else None
    scores = dict.fromkeys(section.counts, 0.0)
    named = {part.strip(" .:").lower() for part in reply.replace("\n", ",").split(",")}
    categories = [label for label in section.labels if label.lower() in named] if objects else []
    for label in categories or [section.unsafe]:
        scores[label] = float(objects) if score is None else score
    return scores


def _share(unsafe: str, safe: str, first: Mapping[str, float]) -> float | None:
    """A word may be several tokens: a token stands for the word that it begins."""
    against, for_it = (_mass(word, other, first) for word, other in ((unsafe, safe), (safe, unsafe)))
    return against / (against + for_it) if against + for_it > 0 else None


def _mass(word: str, other: str, first: Mapping[str, float]) -> float:
    return sum(
        math.exp(logprob)
        for token, logprob in first.items()
        if token and word.startswith(token) and not other.startswith(token)
    )
