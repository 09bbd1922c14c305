"""Budgets through a real Envoy: official clients stop at once, grants make room, and a store that is gone is told."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from typing import Any

import anthropic
import openai
import pytest

from extproc.demo.installation import Change
from tests.e2e.apis import MODEL
from tests.e2e.asking import CHAT
from tests.e2e.harness import Answer, Stack, wait_until
from tests.e2e.measured import Measured
from tests.gpu_use import around_today, use_gpus

RETRIES = 3
DAY_S = 86_400
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
DAILY: dict[str, Any] = {
    **{"name": "daily", "per": "project", "of": "tokens", "amount": 40, "period": "day", "warn_at": []},
    **{"on_exhausted": "block", "when_unknown": "block", "unknown_after_s": 5},
}
BLOCKED = ["openai", "anthropic", "granted", "unread"]
GPU: dict[str, Any] = {
    **{**DAILY, **around_today(), "period": None},
    **{"name": "gpus", "match": ["heavy", "light"], "of": "gpu_seconds", "amount": 60},
}
SOFT: dict[str, Any] = {**DAILY, "name": "soft", "match": ["saving"], "on_exhausted": "downgrade"}


@pytest.fixture(scope="module")
def change() -> Change:
    """The demo with a budget for each of some projects, and a cheaper version for one."""

    def budgeted(data: dict[str, Any]) -> None:
        data["ledger"] = {"url": "sqlite:///ledger.db", "refused": True}
        data["budgets"] = [{**DAILY, "match": BLOCKED}, {**DAILY, "name": "wide", "match": ["unread"], "amount": 10**9}]
        data["budgets"] += [SOFT, GPU]
        endpoints = [one for version in data["models"][MODEL]["versions"].values() for one in version["endpoints"]]
        servers = [{"endpoint": one, "gpus": 2, "kind": "H100", "price": "h100"} for one in endpoints]
        data["gpus"] = {"servers": servers, "prices": [{"name": "h100", "per_gpu_hour": "2.50"}]}
        saving = {"name": "saving", "when": [{"budget_exhausted": ["soft"]}], "version": f"{MODEL}/v2"}
        data["routes"] = [saving, {"name": "usual", "version": f"{MODEL}/v1"}]

    return budgeted


def chat(stack: Stack, project: str) -> Answer:
    """One short chat."""
    body = {"model": MODEL, "messages": HELLO, "max_tokens": 10}
    return stack.curl(CHAT, "-H", f"x-project: {project}", body=body)


def spend(stack: Stack, project: str) -> None:
    """All that there is; the first sums are there then."""
    wait_until(lambda: chat(stack, project).status == 429, f"{project} has spent its budget", 30)


def seconds_left() -> int:
    """Until the day ends."""
    return DAY_S - int(time.time()) % DAY_S


@pytest.mark.transport
def test_openai_does_not_try_again(shared: Stack) -> None:
    """It reads which budget it is, and until when; with three retries it asks once."""
    spend(shared, "openai")
    measured = Measured(shared)
    client = openai.OpenAI(
        base_url=f"{shared.base_url}/v1", api_key="none", max_retries=RETRIES, default_headers={"x-project": "openai"}
    )
    with pytest.raises(openai.RateLimitError, match="The budget `daily` is exhausted") as refused:
        client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=10)
    assert (refused.value.code, refused.value.type) == ("budget_exhausted", "insufficient_quota")
    headers = refused.value.response.headers
    assert headers["x-should-retry"] == "false"
    assert abs(int(headers["retry-after"]) - seconds_left()) <= 60
    with pytest.raises(openai.RateLimitError):
        list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    assert measured.rise("llm_extproc_budget_exchanges_total", budget="daily", act="blocked") == 2


@pytest.mark.transport
def test_anthropic_does_not_try_again(shared: Stack) -> None:
    """Likewise, in its own shape."""
    spend(shared, "anthropic")
    measured = Measured(shared)
    client = anthropic.Anthropic(
        base_url=shared.base_url, api_key="none", max_retries=RETRIES, default_headers={"x-project": "anthropic"}
    )
    with pytest.raises(anthropic.RateLimitError, match="The budget `daily` is exhausted") as refused:
        client.messages.create(model=MODEL, messages=HELLO, max_tokens=10)
    assert refused.value.body["error"]["type"] == "rate_limit_error"  # type: ignore[index]
    assert abs(int(refused.value.response.headers["retry-after"]) - seconds_left()) <= 60
    assert measured.rise("llm_extproc_budget_exchanges_total", budget="daily", act="blocked") == 1


@pytest.mark.transport
def test_a_grant_makes_room(shared: Stack) -> None:
    """With the next look of the shipper; the refusals before it have entries, as configured."""
    spend(shared, "granted")
    command = ["budget", "grant", "daily", "granted", "--amount", "1000000", "-c", str(shared.config)]
    subprocess.run([sys.executable, "-m", "extproc", *command], check=True, timeout=120, capture_output=True)
    wait_until(lambda: chat(shared, "granted").status == 200, "the grant is known", 15)
    refused = "SELECT count(*) FROM ledger_entries WHERE reason = 'budget_exhausted' AND project = 'granted'"
    store = sqlite3.connect(shared.directory / "ledger.db")
    wait_until(lambda: store.execute(refused).fetchone()[0] >= 1, "the refusal is in the ledger")
    store.close()


@pytest.mark.transport
def test_an_exhausted_budget_leads_to_another_version(shared: Stack) -> None:
    """Nobody is refused."""
    measured, answers = Measured(shared), []

    def is_saved() -> bool:
        answers.append(chat(shared, "saving"))
        return measured.rise("llm_route_total", route="saving", model=MODEL) > 0

    wait_until(is_saved, "the cheaper version is chosen", 30)
    assert {one.status for one in answers} <= {200, 503}  # 503: before the first sums
    assert measured.rise("llm_route_total", route="usual", model=MODEL) > 0
    assert measured.rise("llm_requests_total", version="v2", outcome="completed") > 0
    assert measured.rise("llm_extproc_budget_exchanges_total", budget="soft", act="downgraded") > 0


def test_who_has_used_its_gpu_time_is_refused(shared: Stack) -> None:
    """As soon as it is allocated, and not before; others go on."""
    wait_until(lambda: chat(shared, "heavy").status == 200, "GPU time was allocated once", 30)
    server = f"127.0.0.1:{shared.models['v1'].port}"
    use_gpus(shared.config, server, 100, 30, project="heavy")
    use_gpus(shared.config, server, 200, 29, project="light")
    wait_until(lambda: chat(shared, "heavy").status == 429, "heavy has used its part", 30)
    answer = chat(shared, "heavy")
    assert (answer.status, answer.document["error"]["code"]) == (429, "budget_exhausted")
    assert chat(shared, "light").status == 200


def test_a_store_that_is_gone_leaves_budgets_unknown(shared: Stack) -> None:
    """Somebody holds its lock: 503 from the configured age on, and all is known again when it is free."""
    wait_until(lambda: chat(shared, "granted").status == 200, "its budget is known", 30)
    lock = sqlite3.connect(shared.directory / "ledger.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        answers: list[Answer] = []

        def is_refused() -> bool:
            answers.append(chat(shared, "granted"))
            return answers[-1].status != 200

        wait_until(is_refused, "sums are too old", 60)
        answer = answers[-1]
        assert (answer.status, answer.document["error"]["code"]) == (503, "budget_unknown")
        assert answer.headers["retry-after"] == "5"
        assert "x-should-retry" not in answer.headers
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    wait_until(lambda: chat(shared, "granted").status == 200, "sums are there again", 30)
    log = shared.directory / "processor.log"
    wait_until(lambda: "budget sums known again" in log.read_text(), "it is told", 10)
