"""Rollouts between prompts of a model that really answers: a real vLLM, the real Envoy, the processor and its store.

The model is ``prompted_model``: tiny, and trained to heed three prompts. Lengths and refusals are sampled by the model,
counted by vLLM and judged by the guard. A canary with the same prompt must not be rolled back; one that is told to tell
more must be, for its length; and one that is told to be careful, for its refusals. A roll back comes long before the
interval is narrow, so the wordy one is tried with a wide margin too: it stays, and its interval must be above 0.

    python -m tests.tools.vllm_rollout --url http://127.0.0.1:8000 --model prompted
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.e2e.harness import Stack, wait_until
from tests.tools.prompted_dialogues import BRIEF, CAREFUL, QUESTIONS, WORDY, PromptTerms

FEW, MANY = 1_200, 2_000
"""Exchanges, at most, until a roll back; and until an interval is narrow."""
USERS: Final = 200
_TAIL: Final = 2.5
_CLIENTS: Final = 8
_TOKENS_MAX: Final = 160
_WITHIN_S: Final = 120.0
_LOOK_S: Final = 0.5
_COMPARED: Final = ("error", "refusal", "length")
_LEFT_OUT: Final = (
    *("abort", "finding", "empty", "looped", "truncated", "unstructured", "bad_call", "regenerated", "feedback"),
    *("first_token", "token_time", "cost"),
)
_WIDE: Final = {"gate": "length", "roll_back_percent": 90, "promote_percent": 100}
_NEVER: Final = 10_000_000
"""Answers that it would take to go on: nothing is promoted here."""
_PRICE: Final = {"prompt_micro_usd_per_mtok": 1_000, "completion_micro_usd_per_mtok": 1_000}


@dataclass(frozen=True, slots=True)
class CanaryPrompt:
    """What is tried, and what must come of it.

    Attributes:
        worse: the gate that must roll it back; empty: none may.
        longer: whether the interval of its length must be above 0.
        margins: changes of gates.
    """

    name: str
    terms: PromptTerms
    exchanges: int
    worse: str = ""
    longer: bool = False
    margins: tuple[dict[str, Any], ...] = ()


CANARIES: Final = (
    CanaryPrompt("same", BRIEF, MANY),
    CanaryPrompt("wordy", WORDY, FEW, worse="length"),
    CanaryPrompt("careful", CAREFUL, FEW, worse="refusal"),
    CanaryPrompt("wordy-wide", WORDY, MANY, longer=True, margins=(_WIDE,)),
)


def installed(url: str, model: str, folder: Path, canary: CanaryPrompt) -> Stack:
    """The demo in front of one vLLM: half of the users go from the brief prompt to that of the canary."""
    for name, terms in (("v1", BRIEF), ("v2", canary.terms)):
        (folder / f"{name}.txt").write_text(terms.prompt)

    def version(name: str) -> dict[str, Any]:
        return {
            "weight": 50,
            "endpoints": [urlsplit(url).netloc],
            "served_model": model,
            "serving": {"canary": canary.name if name == "v2" else "none"},  # the same prompt is another version too
            "prompt": {"file": str(folder / f"{name}.txt")},
            "price": _PRICE,
        }

    def change(data: dict[str, Any]) -> None:
        data["models"] = {
            model: {"sticky": {"header": "x-user"}, "versions": {name: version(name) for name in ("v1", "v2")}}
        }
        data["filters"].append({"filter": "signals"})
        data["policies"] = [{"name": "default", "guards": [{"guard": "refusal"}]}]
        data["ledger"] = {"url": "sqlite:///ledger.db"}
        data["rollouts"] = [
            {
                "name": canary.name,
                "model": model,
                "stable": "v1",
                "canary": "v2",
                "warm_up_s": 0,
                "steps": [{"percent": percent, "minutes_min": 0, "answers_min": _NEVER} for percent in (50, 100)],
                "gates": [*canary.margins, *({"gate": gate, "compared": False} for gate in _LEFT_OUT)],
            }
        ]

    return Stack(folder, models={}, change=change)


def questions(model: str, count: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """User and request; a few users ask most."""
    chance = random.Random(seed)
    activity = [chance.paretovariate(_TAIL) for _ in range(USERS)]
    for number, user in enumerate(chance.choices(range(USERS), activity, k=count)):
        said = [{"role": "user", "content": chance.choice(QUESTIONS)}]
        body = {
            "model": model,
            "messages": said,
            "stream": bool(number % 2),
            "max_tokens": _TOKENS_MAX,
            "temperature": 1.0,
        }
        yield f"user-{user}", body | {"seed": seed * MANY + number}


def ask_all(base_url: str, asked: Iterator[tuple[str, dict[str, Any]]], is_over: Callable[[], bool]) -> int:
    """Ask by several clients at once, until there is no more to ask, or it is over.

    Returns: how many were answered. Raises: RuntimeError for an answer that is none.
    """
    wrong: list[str] = []
    lock, ends, answered = threading.Lock(), threading.Event(), itertools.count()

    def client() -> None:
        connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=_WITHIN_S)
        while not ends.is_set():
            with lock:
                found = next(asked, None)
            if found is None:
                break
            user, body = found
            headers = {"content-type": "application/json", "x-user": user}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                wrong.append(f"answered with {answer.status}: {text[:300]!r}")
            next(answered)
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    for each in clients:
        each.start()
    while any(each.is_alive() for each in clients):
        if is_over():
            ends.set()
        clients[0].join(_LOOK_S)
    if wrong:
        raise RuntimeError(wrong[0])
    return next(answered)


def told(config: Path, *words: str) -> dict[str, Any]:
    """What `extproc rollout` says. Raises: RuntimeError with its own words."""
    command = [sys.executable, "-m", "extproc", "rollout", *words, "--json", "-c", str(config)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if not ran.stdout:
        raise RuntimeError(f"`extproc rollout {words[0]}` ended with code {ran.returncode}: {ran.stderr}")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def tried(url: str, model: str, canary: CanaryPrompt, seed: int) -> Iterator[str]:
    """One rollout. Yields: what is not as it must be."""
    with (
        tempfile.TemporaryDirectory(prefix="llm-prompts-") as folder,
        installed(url, model, Path(folder), canary) as stack,
    ):

        def is_in(phase: str) -> bool:
            return stack.metric("llm_rollout_phase", rollout=canary.name, phase=phase) == 1

        wait_until(lambda: is_in("running"), "the rollout runs", _WITHIN_S)
        asked = questions(model, canary.exchanges, seed)
        answered = ask_all(stack.base_url, asked, lambda: is_in("rolled_back"))
        stored = "llm_extproc_ledger_stored_total"
        wait_until(lambda: stack.metric(stored) == answered, "the ledger has all exchanges", _WITHIN_S)
        shown = _shown(stack.config, canary)
        explained = told(stack.config, "explain", canary.name)
    gates = {gate["gate"]: gate for gate in shown["gates"] if gate["gate"] in _COMPARED}
    print(f"{canary.name}: {shown['phase']}; {'; '.join(map(in_words, gates.values()))}")
    wrong = list(_unlike(canary, shown, gates))
    if not explained["agrees"]:
        wrong.append("the journal does not agree with its numbers")
    yield from (f"{canary.name}: {one}" for one in wrong)


def _shown(config: Path, canary: CanaryPrompt) -> dict[str, Any]:
    """The rollout as `watch` shows it, once the process that decides has seen the last exchange.

    What follows from the numbers is decided within seconds; a hold is not written, so it cannot be waited for.
    """
    found: dict[str, Any] = {}

    def is_decided() -> bool:
        found.update(told(config, "watch", canary.name)["rollout"])
        return bool(found["phase"] != "running" or found["action"] == "hold")

    wait_until(is_decided, "what follows from the numbers is decided", _WITHIN_S)
    return found


def _unlike(canary: CanaryPrompt, shown: dict[str, Any], gates: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What must not be."""
    phase, length = shown["phase"], gates["length"]
    if canary.worse:
        if phase != "rolled_back" or gates[canary.worse]["state"] != "worse":
            yield f"it is {phase}, and not for {canary.worse}"
        if gates[canary.worse]["difference"] <= 0:
            yield f"the difference has the wrong sign: {in_words(gates[canary.worse])}"
    else:
        if phase != "running" or shown["action"] == "roll_back":
            yield f"it is {phase}, {shown['action']}: {shown['reasons']}"
        if canary.longer and not length["low"] > 0:
            yield f"the interval is not where it must be: {in_words(length)}"


def in_words(gate: dict[str, Any]) -> str:
    """The difference with its interval, and answers."""
    spans = ["any" if gate[name] is None else f"{gate[name]:+.1f}" for name in ("difference", "low", "high")]
    answers = f"{gate['canary_answers']} and {gate['stable_answers']} answers"
    return f"{gate['gate']} {spans[0]} {gate['unit']} ({spans[1]} to {spans[2]}), {answers}"


def main() -> int:
    """Exit 0: everything is as it must be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--url", required=True, help="of a vLLM that serves `prompted_model`")
    parser.add_argument("--model", required=True, help="its model")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    wrong = [one for canary in CANARIES for one in tried(given.url, given.model, canary, given.seed)]
    for one in wrong:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
