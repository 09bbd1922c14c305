"""The ledger's tokens beside a real vLLM's own counters: answers that end, that a client leaves, that a guard cuts.

Starts our processor and Envoy in front of a running vLLM that serves nobody else meanwhile. First streams that are
left before anything is known of the model; then answers that end, from which its rates are learned, and which must be
counted exactly; then the others, each kind by itself. All that with the model's tokenizer too, if it is given. Exits 1
when the sums of the estimates are further from vLLM's than is allowed (before anything is learned, only a tokenizer is
held to that), or ledger and metrics differ. vLLM counts a prompt once for each of n answers, its usage and we once: its
counter is divided.

    python -m tests.tools.vllm_tokens --url http://127.0.0.1:8000 --model tiny-chat --tokenizer MODEL/tokenizer.json
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.harness import Stack, wait_until

BANNED = "xylophantom"  # no model says it by itself
_SETTLE_S = 0.3
_LEDGER = "ledger.db"
_ANSWER_TOKENS_MAX = 300
_UNKNOWN_EVENTS_MAX = 20  # before most answers end, from which something would be learned
_TOOL = {
    "name": "get_weather",
    "description": "The weather of a place, now or on a day that is given.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}, "day": {"type": "string"}}},
}
_SAID = [
    "Hello there, please say something about the sea and the ships on it.",
    "What is the capital of Peru, and how many people live in it?",
    "Write a short story of a lighthouse keeper who has lost his lamp in a storm, and finds it again.",
    "Why is the sky blue?",
]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. ``events_max``: the client leaves after as many; ``patience_s``: or after that time."""

    path: str
    body: dict[str, Any]
    events_max: int | None = None
    patience_s: float | None = None


@dataclass(slots=True)
class Tokens:
    """Prompt and completion."""

    prompt: float = 0.0
    completion: float = 0.0

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt - other.prompt, self.completion - other.completion)

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt + other.prompt, self.completion + other.completion)


@dataclass(slots=True)
class Case:
    """Requests of one kind."""

    name: str
    asks: list[Ask]
    choices: int = 1
    ours: Tokens = field(default_factory=Tokens)
    theirs: Tokens = field(default_factory=Tokens)


# --- what is asked -------------------------------------------------------------------------------------------------


def _chat(model: str, said: str, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": said}]
    return {"model": model, "messages": messages, "stream": True, "max_tokens": _ANSWER_TOKENS_MAX, **fields}


def _asks(model: str, kind: str, events_max: int | None, times: int, **fields: Any) -> list[Ask]:
    asks = []
    for number in range(times):
        said = _SAID[number % len(_SAID)]
        body = _chat(model, said, seed=number, **fields)
        path = "/v1/chat/completions"
        if kind == "messages":
            path, body["system"] = "/v1/messages", "Answer in one sentence."
            del body["seed"]
        elif kind == "responses":
            path = "/v1/responses"
            body = {"model": model, "input": said, "stream": True, "max_output_tokens": _ANSWER_TOKENS_MAX}
        elif kind == "completions":
            path, body["prompt"] = "/v1/completions", said
            del body["messages"]
        asks.append(Ask(path, body, events_max))
    return asks


def learning(model: str, times: int) -> Case:
    """Answers that end, of all kinds."""
    tools = {"tools": [{"type": "function", "function": _TOOL}]}
    asks: list[Ask] = []
    for kind in ("chat", "messages", "responses", "completions"):
        asks += _asks(model, kind, None, times)
    asks += _asks(model, "chat", None, times, stream=False)
    asks += _asks(model, "chat", None, 2, **tools)
    return Case("answers that end", asks)


def unknown(model: str, times: int) -> Case:
    """Streams that are left before any answer has ended."""
    asks = [
        replace(one, events_max=min(one.events_max or 1, _UNKNOWN_EVENTS_MAX)) for one in _left_at_random(model, times)
    ]
    return Case("nothing learned, left early", asks)


def estimated(model: str, times: int) -> list[Case]:
    """Answers that do not, each kind by itself."""
    tools = {"tools": [{"type": "function", "function": _TOOL}]}
    schema = {"type": "object", "properties": {f"field_{n}": {"type": "string"} for n in range(30)}}
    shaped = {"response_format": {"type": "json_schema", "json_schema": {"name": "long", "schema": schema}}}
    dictated = {
        "structured_outputs": {"regex": f"(The sea is wide and deep and blue[.] ){{3}}A {BANNED} swims[.]{{200}}"}
    }
    unstreamed = [
        Ask(ask.path, ask.body, patience_s=0.4 + 0.2 * number)
        for number, ask in enumerate(_asks(model, "chat", None, times, stream=False))
    ]
    return [
        *(Case(f"chat, left after {events} events", _asks(model, "chat", events, times)) for events in (2, 20, 60)),
        Case("chat, n=2, left after 40", _asks(model, "chat", 40, times, n=2), choices=2),
        Case("chat with tools, left after 20", _asks(model, "chat", 20, times, **tools)),
        Case("chat with a schema, left after 20", _asks(model, "chat", 20, times, **shaped)),
        Case("completions, left after 20", _asks(model, "completions", 20, times)),
        Case("messages, left after 40", _asks(model, "messages", 40, times)),
        Case("responses, left after 40", _asks(model, "responses", 40, times)),
        Case("chat, cut by a guard", _asks(model, "chat", None, times, **dictated)),
        Case("chat, unstreamed, left in time", unstreamed),
        Case("all APIs, left at random", _left_at_random(model, times)),
    ]


def _left_at_random(model: str, times: int) -> list[Ask]:
    """The same moments in each run."""
    chance = random.Random(14)
    asks = [ask for kind in ("chat", "messages", "responses", "completions") for ask in _asks(model, kind, 1, times)]
    return [replace(ask, events_max=chance.randrange(1, _ANSWER_TOKENS_MAX)) for ask in asks]


# --- asking --------------------------------------------------------------------------------------------------------


def ask(base_url: str, asked: Ask) -> None:
    """Ask, and read to the end or to where the client leaves."""
    where = urlsplit(base_url)
    connection = http.client.HTTPConnection(where.netloc, timeout=asked.patience_s or 120)
    try:
        connection.request("POST", asked.path, json.dumps(asked.body), {"content-type": "application/json"})
        answer = connection.getresponse()
        events = 0
        if answer.status != 200:
            raise RuntimeError(f"{asked.path} was answered with {answer.status}: {answer.read(500)!r}")
        while line := answer.readline():
            events += line.startswith(b"data:")
            if asked.events_max is not None and events >= asked.events_max:
                return
    except TimeoutError:
        if asked.patience_s is None:
            raise
    finally:
        connection.close()


def counters(url: str) -> tuple[Tokens, float]:
    """vLLM's own: tokens, and how many requests it has at hand."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as page:
        families = text_string_to_metric_families(page.read().decode())
    sums: dict[str, float] = {}
    for family in families:
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    busy = sums["vllm:num_requests_running"] + sums["vllm:num_requests_waiting"]
    return Tokens(sums["vllm:prompt_tokens_total"], sums["vllm:generation_tokens_total"]), busy


def settled(url: str) -> Tokens:
    """vLLM's counters once they stand still. Raises: TimeoutError."""
    seen: list[Tokens] = []

    def still() -> bool:
        tokens, busy = counters(url)
        seen.append(tokens)
        if not busy and len(seen) > 1 and seen[-2] == tokens:
            return True
        time.sleep(_SETTLE_S)
        return False

    wait_until(still, "vLLM has nothing to do", 60)
    return seen[-1]


def ours(stack: Stack, asked: int) -> Tokens:
    """What the ledger has, once it has as many exchanges. Raises: RuntimeError if the metrics have something else."""
    wait_until(lambda: stack.metric("llm_extproc_ledger_stored_total") == asked, "the ledger has all exchanges", 60)
    counted = Tokens(stack.metric("llm_prompt_tokens_total"), stack.metric("llm_completion_tokens_total"))
    stored = _sums(stack)
    if stored != counted:
        raise RuntimeError(f"the ledger has {stored}, and the metrics have {counted}")
    return stored


def _sums(stack: Stack) -> Tokens:
    (row,) = _rows(stack, "SELECT coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0)")
    return Tokens(*row)


def sources(stack: Stack) -> dict[str, set[str]]:
    """Who counted the completions that the ledger has, by outcome."""
    found: dict[str, set[str]] = {}
    for outcome, source in _rows(stack, "SELECT DISTINCT outcome, completion_tokens_source"):
        found.setdefault(outcome, set()).add(source)
    return found


def _rows(stack: Stack, select: str) -> list[tuple[Any, ...]]:
    file = stack.directory / _LEDGER
    if not file.exists():
        return [(0, 0)]
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(f"{select} FROM ledger_entries").fetchall()


def run(stack: Stack, url: str, cases: Sequence[Case], asked: int) -> int:
    """Ask all of each case, one after the other, and note both counts.

    Args: asked: how many exchanges there were before. Returns: how many there are now.
    """
    for case in cases:
        before, theirs = ours(stack, asked), settled(url)
        for each in case.asks:
            ask(stack.base_url, each)
        asked += len(case.asks)
        case.theirs = settled(url) - theirs
        case.theirs.prompt /= case.choices
        case.ours = ours(stack, asked) - before
    return asked


# --- the whole -----------------------------------------------------------------------------------------------------


def installed(url: str, model: str, folder: Path, tokenizer: Path | None) -> Stack:
    """The demo in front of one vLLM, with a guard that cuts."""

    def change(data: dict[str, Any]) -> None:
        version = data["models"]["tiny-chat"]["versions"]["v1"]
        version.update(weight=1, endpoints=[urlsplit(url).netloc], served_model=model)
        if tokenizer is not None:
            version["tokenizer_file"] = str(tokenizer.resolve())
        data["models"] = {model: {"versions": {"v1": version}}}
        guard = {"guard": "banned", "phrases": [BANNED], "on": "response", "action": "block"}
        data["policies"] = [{"name": "default", "guards": [guard]}]
        data["ledger"] = {"url": f"sqlite:///{_LEDGER}"}

    return Stack(folder, models={}, change=change)


def shown(cases: Sequence[Case]) -> list[str]:
    """The table."""
    lines = [
        f"{'':36} {'prompt':>26} {'completion':>26}",
        f"{'':36} {'ours':>8} {'vLLM':>8} {'':8} {'ours':>8} {'vLLM':>8}",
    ]
    for case in cases:
        pairs = ((case.ours.prompt, case.theirs.prompt), (case.ours.completion, case.theirs.completion))
        lines.append(f"{case.name:36} " + " ".join(f"{a:8.0f} {b:8.0f} {_off(a, b):+7.1%}" for a, b in pairs))
    return lines


def _off(mine: float, its: float) -> float:
    return mine / its - 1 if its else float(bool(mine))


def _worst(case: Case) -> float:
    pairs = ((case.ours.prompt, case.theirs.prompt), (case.ours.completion, case.theirs.completion))
    return max(abs(_off(mine, its)) for mine, its in pairs)


def compared(url: str, model: str, times: int, tokenizer: Path | None, off_max: float) -> bool:
    """Ask, print the table, and say whether it is good enough."""
    first, last, cases = unknown(model, times), learning(model, times), estimated(model, times)
    with (
        tempfile.TemporaryDirectory(prefix="llm-tokens-") as folder,
        installed(url, model, Path(folder), tokenizer) as stack,
    ):
        asked = run(stack, url, [first], 0)
        asked = run(stack, url, [last], asked)
        run(stack, url, cases, asked)
        counted_by = sources(stack)
        taken = stack.metric("llm_tokenizer_exchanges_total")
    total = Case("sum of the estimates", [])
    for case in cases:
        total.ours, total.theirs = total.ours + case.ours, total.theirs + case.theirs
    print("\nwith the tokenizer of the model" if tokenizer is not None else "with learned rates")
    print("\n".join(shown([first, last, *cases, total])))
    worst = _worst(total) if tokenizer is None else max(_worst(total), _worst(first))
    print(f"off by at most {worst:.1%}, of {off_max:.0%} that are allowed; {taken:.0f} exchanges at the tokenizer")
    if (counted_by["completed"], counted_by["aborted"]) != ({"reported"}, {"estimated"}):
        print(f"the ledger says of answers that they are {counted_by}")
        return False
    if last.ours != last.theirs:
        print("answers that end are not counted as vLLM counts them: does it serve somebody else meanwhile?")
        return False
    return worst <= off_max


def main() -> int:
    """Exit 0: everything is good enough."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--url", required=True, help="of a vLLM that serves nobody else")
    parser.add_argument("--model", default="tiny-chat", help="its served model")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json of the model: compares with it too")
    parser.add_argument("--times", type=int, default=5, help="requests of each kind")
    parser.add_argument("--off-max", type=float, default=0.1, help="how far the sums of the estimates may be off")
    given = parser.parse_args()
    terms = [None] if given.tokenizer is None else [None, given.tokenizer]
    good = [compared(given.url, given.model, given.times, tokenizer, given.off_max) for tokenizer in terms]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
