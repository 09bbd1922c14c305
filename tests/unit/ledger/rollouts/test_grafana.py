"""Decisions become annotations in Grafana: exactly what its API takes, tried again, and given up in bounded time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extproc.config.rollouts import GrafanaTerms
from extproc.domain.rollouts import Arm
from extproc.ledger.rollouts.grafana import GrafanaAnnotations, rollout_annotation
from extproc.ledger.rollouts.reports import RolloutReports
from extproc.ledger.rollouts.settings import ConfiguredVersion, RolloutSettings
from extproc.ledger.store import LedgerStore
from extproc.ledger.webhook import WAITING_MAX
from tests.e2e.harness import wait_until
from tests.unit.ledger.hooks import Hook, serving
from tests.unit.ledger.rollouts.samples import add_rate
from tests.unit.rollout.samples import PLAN

TOKEN = "glsa_T0PSECRET"
CHANGE = {
    **{"rollout": "r1", "name": "tiny-v2", "model": "tiny", "stable": "v1", "canary": "v2", "kind": "rolled_back"},
    **{"step": 1, "share": 0.0, "made_by": "extproc", "reasons": ["refusal is worse: +6 points."]},
    "at_us": 1_800_000_000_123_456,
}
ANNOTATION = {
    "time": 1_800_000_000_123,
    "tags": ["llm-extproc", "rollout", "tiny-v2", "rolled_back"],
    "text": "Rollout tiny-v2 (tiny: v1 to v2) rolled back: 0% canary. refusal is worse: +6 points.",
}
PREFIX = "rollout annotations in Grafana: a message was given up"


def queue_to(
    folder: Path, url: str, told: list[str], pauses_s: tuple[float, ...] = (), path: str = ""
) -> GrafanaAnnotations:
    """To a Grafana below a path."""
    (folder / "grafana.token").write_text(f"{TOKEN}\n")
    return GrafanaAnnotations(url.rpartition("/")[0] + path, folder / "grafana.token", told.append, pauses_s)


@pytest.mark.parametrize("path", ["", "/", "/grafana", "/grafana/"])
def test_the_request(tmp_path: Path, path: str) -> None:
    """The path of its API below that of Grafana, the token as it takes it, times in ms."""
    told: list[str] = []
    with serving(Hook()) as hook:
        queue = queue_to(tmp_path, hook.url, told, path=path)
        queue.send(rollout_annotation(CHANGE, None))
        queue.send(rollout_annotation(CHANGE, "abc"))
        wait_until(lambda: len(hook.got) == 2, "two requests")
        queue.close()
    assert hook.got == [ANNOTATION, {**ANNOTATION, "dashboardUID": "abc"}]
    assert set(hook.paths) == {path.rstrip("/") + "/api/annotations"}
    for headers in hook.headers:
        assert (headers["authorization"], headers["content-type"]) == (f"Bearer {TOKEN}", "application/json")
    assert told == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            401,
            "give `grafana.token_file` the token of a service account with `annotations:create`; this one is not known",
        ),
        (403, "give `grafana.token_file` the token of a service account with `annotations:create`; this one may not"),
        (404, "give `grafana.url` the address of Grafana itself, without `/api`"),
        (301, "give `grafana.url` the address to which it redirects"),
    ],
)
def test_what_grafana_does_not_take(tmp_path: Path, status: int, reason: str) -> None:
    """It is tried again, then given up and told once, with what to do; the next one is tried, and a success counts."""
    told: list[str] = []
    with serving(Hook(*[status] * 4)) as hook:
        queue = queue_to(tmp_path, hook.url, told, (0.0,))
        for _ in range(3):
            queue.send(rollout_annotation(CHANGE, None))
        wait_until(lambda: len(hook.got) == 5, "five requests")
        queue.close()
    assert told == [f"{PREFIX} (HTTP status {status}; {reason})"]
    assert TOKEN not in str(told)


def test_a_grafana_that_comes_later(tmp_path: Path) -> None:
    """Nothing is lost."""
    told: list[str] = []
    with serving(Hook(500, 503)) as hook:
        queue = queue_to(tmp_path, hook.url, told, (0.0, 0.0))
        queue.send(rollout_annotation(CHANGE, None))
        wait_until(lambda: len(hook.got) == 3, "three requests")
        queue.close()
    assert hook.got == [ANNOTATION] * 3
    assert told == []


def test_a_grafana_that_is_not_there(tmp_path: Path) -> None:
    """The message does not quote the address, which may be a secret."""
    told: list[str] = []
    queue = queue_to(tmp_path, "http://127.0.0.1:1/x", told)
    queue.send(rollout_annotation(CHANGE, None))
    wait_until(lambda: told, "a failure")
    queue.close()
    assert told == [f"{PREFIX} (URLError; is `grafana.url` reachable from here?)"]


def test_a_token_that_is_not_there_is_read_again(tmp_path: Path) -> None:
    """Before each try: a Secret may be mounted later."""
    told: list[str] = []
    with serving(Hook()) as hook:
        queue = queue_to(tmp_path, hook.url, told)
        (tmp_path / "grafana.token").unlink()
        queue.send(rollout_annotation(CHANGE, None))
        wait_until(lambda: told, "a failure")
        (tmp_path / "grafana.token").write_text(TOKEN)
        queue.send(rollout_annotation(CHANGE, None))
        wait_until(lambda: hook.got, "a request")
        queue.close()
    assert told == [f"{PREFIX} (`grafana.token_file` cannot be read: FileNotFoundError)"]


def test_more_than_may_wait(tmp_path: Path) -> None:
    """The bound that is declared; nothing blocks."""
    told: list[str] = []
    with serving(Hook(500)) as hook:
        queue = queue_to(tmp_path, hook.url, told, (60.0,))
        queue.send(rollout_annotation(CHANGE, None))
        wait_until(lambda: hook.got, "a request")
        for _ in range(WAITING_MAX + 2):
            queue.send(rollout_annotation(CHANGE, None))
    assert told == [f"{PREFIX} ({WAITING_MAX} messages wait)"]


def test_each_decision_is_told(tmp_path: Path) -> None:
    """By the process that decides, beside the webhook."""
    store, told = LedgerStore("sqlite:///ledger.db", tmp_path), list[dict[str, Any]]()
    versions = (ConfiguredVersion("tiny", "v1", "f1", 90), ConfiguredVersion("tiny", "v2", "f2", 10))
    (tmp_path / "spool").mkdir()
    (tmp_path / "grafana.token").write_text(TOKEN)
    with serving(Hook()) as hook:
        terms = GrafanaTerms(url=hook.url.rpartition("/")[0], token_file="grafana.token")
        plan = PLAN.model_copy(update={"grafana": terms, "warm_up_s": 0})
        reports = RolloutReports(
            tmp_path / "spool", lambda _: None, told.append, lambda problem: told.append({"problem": problem})
        )
        reports.use(store, RolloutSettings((plan,), versions, str(tmp_path)).as_json())
        reports.look()
        (started,) = [one for report in told for one in report.get("rollout_changes", ())]
        with store.writing() as connection:
            add_rate(connection, "error", Arm.CANARY, 40, 30, rollout=started["rollout"])
            add_rate(connection, "error", Arm.STABLE, 760, 1, rollout=started["rollout"])

        def looked() -> bool:
            reports.look()
            return len(hook.got) >= 2

        wait_until(looked, "two annotations")
        reports.close()
    assert [one["tags"] for one in hook.got] == [
        ["llm-extproc", "rollout", "tiny-v2", "started"],
        ["llm-extproc", "rollout", "tiny-v2", "rolled_back"],
    ]
    assert hook.got[1]["text"].endswith("30 of 40 exchanges of the canary failed, of 30 units; 1 % may fail.")
    store.close()
