"""What `extproc rollout status` says of a mesh's object."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.domain.rollouts import RolloutPhase
from extproc.ledger.rollouts.states import change_rollout
from extproc.ledger.rollouts.traffic_seen import TrafficSeen, note_traffic
from extproc.ledger.store import LedgerStore
from extproc.rollout.explain import noted
from extproc.rollout.journal import JournalKind
from tests.unit.cli.samples import fill
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES
from tests.unit.ledger.rollouts.samples import NOW_US, started

SEEN = {
    "nothing yet": (None, "HTTPRoute llm/chat was not written yet, not compared yet", (None, False, "")),
    "it is there": (TrafficSeen(0.05), "HTTPRoute llm/chat has 5 %, not compared yet", (5.0, False, "")),
    "it is compared": (TrafficSeen(0.05, True), "HTTPRoute llm/chat has 5 %", (5.0, True, "")),
    "another share is written": (
        TrafficSeen(0.01, True),
        "HTTPRoute llm/chat has 1 %, not compared yet",
        (1, False, ""),
    ),
    "it cannot be read": (
        TrafficSeen(0.05, True, "There is no such object."),
        "HTTPRoute llm/chat has 5 %\n",
        (5.0, True, "There is no such object."),
    ),
}


def _status(*more: str) -> str:
    ran = CliRunner().invoke(app, ["rollout", "status", "-c", "rolling.yaml", *more])
    assert ran.exit_code == 0, ran.output
    return ran.stdout


@pytest.mark.parametrize("what", SEEN)
def test_the_object_of_a_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """The share that it has, whether exchanges are compared, and what is wrong with it, also when it is over."""
    monkeypatch.chdir(fill(tmp_path))
    seen, line, expected = SEEN[what]
    store = LedgerStore("sqlite:///rolling.db", tmp_path)
    state = started(store, traffic=EXAMPLES["HTTPRoute"].traffic)
    if seen is not None:
        with store.writing() as connection:
            note_traffic(connection, state.id, seen)
    assert line in _status()
    (found,) = json.loads(_status("--json"))["rollouts"]
    traffic = found["traffic"]
    assert (traffic["object"], traffic["share_percent"], traffic["compared"], traffic["problem"]) == (
        "HTTPRoute llm/chat",
        *expected,
    )
    if expected[2]:
        assert found["reasons"][0] == expected[2]
        with store.writing() as connection:
            change_rollout(connection, state, noted(JournalKind.PROMOTED, "kim"), NOW_US, phase=RolloutPhase.PROMOTED)
        ran = CliRunner().invoke(app, ["rollout", "watch", "-c", "rolling.yaml", "--json"])
        assert json.loads(ran.stdout)["rollout"]["reasons"] == [expected[2]]
    store.close()


GUARD = """\
role: guard
guard_version: tiny/v1
models:
  tiny:
    versions:
      v1: &version { price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 2 }, weight: 1 }
      v2: *version
filters: [{ filter: meter }, { filter: signals }]
ledger: { url: "postgresql://ledger@db/ledger" }
rollouts:
  - name: v2
    model: tiny
    stable: v1
    canary: v2
    traffic: { kind: HTTPRoute, namespace: llm, name: chat, stable: vllm-v1, canary: vllm-v2 }
"""


def test_without_the_package_nothing_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2, and what to do: a rollout that nobody could write would never begin."""
    file = tmp_path / "config.yaml"
    file.write_text(GUARD)
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda name: None if name == "kubernetes" else name)
    ran = CliRunner().invoke(app, ["serve", "-c", str(file)])
    assert (ran.exit_code, ran.stderr) == (
        2,
        "rollouts: `traffic` needs kubernetes. Install it: "
        f"{sys.executable} -m pip install 'llm-extproc[kubernetes]'\n",
    )
