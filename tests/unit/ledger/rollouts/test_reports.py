"""Who is told what of a rollout: the log, metrics and webhook; and nothing is imported before there is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extproc.domain.rollouts import Arm
from extproc.ledger.rollouts.reports import RolloutReports
from extproc.ledger.rollouts.settings import ConfiguredVersion, RolloutSettings
from extproc.ledger.rollouts.state_file import ROLLOUT_FILE
from extproc.ledger.rollouts.telling import rollout_event, tell_rollout
from extproc.ledger.store import LedgerStore
from tests.e2e.harness import wait_until
from tests.unit.ledger.hooks import Hook, serving
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES
from tests.unit.ledger.rollouts.samples import add_rate
from tests.unit.rollout.samples import PLAN

VERSIONS = (ConfiguredVersion("tiny", "v1", "f1", 90), ConfiguredVersion("tiny", "v2", "f2", 10))
CHANGE = {
    **{"rollout": "r1", "name": "tiny-v2", "model": "tiny", "stable": "v1", "canary": "v2", "kind": "rolled_back"},
    **{"step": 1, "share": 0.0, "made_by": "extproc", "reasons": ["refusal is worse: +6 points."]},
    "at_us": 1_800_000_000_000_000,
}


class Lines:
    """A log."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        """Keep it."""
        self.told.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        """Keep it."""
        self.told.append(("warning", event, fields))


def settings(folder: Path, **changed: Any) -> dict[str, Any]:
    """Of a configuration with a rollout."""
    plan = PLAN.model_copy(update={"webhook_file": "rollouts.url", "warm_up_s": 0, **changed})
    return RolloutSettings((plan,), VERSIONS, str(folder)).as_json()


def test_the_settings_are_the_same_as_json(tmp_path: Path) -> None:
    """They go to another process."""
    found = RolloutSettings.of_json(settings(tmp_path))
    assert found.as_json() == settings(tmp_path)
    assert (found.declared[0].webhook_file, found.folder, found.versions) == ("rollouts.url", str(tmp_path), VERSIONS)


def test_what_is_told(tmp_path: Path) -> None:
    """A start, a roll back; a webhook gets both as events."""
    store, told = LedgerStore("sqlite:///ledger.db", tmp_path), list[dict[str, Any]]()
    (tmp_path / "spool").mkdir()
    with serving(Hook()) as hook:
        (tmp_path / "rollouts.url").write_text(hook.url)
        reports = RolloutReports(
            tmp_path / "spool", lambda _: None, told.append, lambda problem: told.append({"problem": problem})
        )
        reports.use(store, settings(tmp_path))
        reports.look()
        (started,) = [one for report in told for one in report.get("rollout_changes", ())]
        with store.writing() as connection:
            add_rate(connection, "error", Arm.CANARY, 40, 30, rollout=started["rollout"])
            add_rate(connection, "error", Arm.STABLE, 760, 1, rollout=started["rollout"])

        def looked() -> bool:
            reports.look()
            return len(hook.got) >= 2

        wait_until(looked, "two messages")
        reports.close()
    assert [one["type"].rpartition(".")[2] for one in hook.got] == ["started", "rolled_back"]
    assert hook.got[1]["data"]["reasons"] == ["30 of 40 exchanges of the canary failed, of 30 units; 1 % may fail."]
    assert [report["rollouts"][0]["phase"] for report in told if report.get("rollouts")][-1] == "rolled_back"
    verdicts = [one for report in told for one in report.get("rollout_verdicts", ())]
    assert (verdicts[-1]["id"], verdicts[-1]["verdict"]) == (started["rollout"], "rolled_back")
    assert (tmp_path / "spool" / ROLLOUT_FILE).exists()
    store.close()


def test_without_a_rollout_nothing_is_done(tmp_path: Path) -> None:
    """One that a person starts later is found."""
    store, told = LedgerStore("sqlite:///ledger.db", tmp_path), list[dict[str, Any]]()
    reports = RolloutReports(tmp_path, lambda _: None, told.append, lambda _: None)
    for given in (None, RolloutSettings((), VERSIONS, "").as_json()):
        reports.use(store, given)
        reports.look()
    assert (told, (tmp_path / ROLLOUT_FILE).exists()) == ([{"rollouts": [], "rollouts_led": False}], False)
    reports.close()
    store.close()


def test_numpy_is_imported_with_the_first_rollout_only() -> None:
    """The process that ships is small without one."""
    code = "import sys, extproc.ledger.shipping; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_log_line() -> None:
    """What goes back is a warning, with the reason."""
    lines = Lines()
    tell_rollout(lines, CHANGE)
    tell_rollout(lines, {**CHANGE, "kind": "advanced", "reasons": []})
    assert [(level, event) for level, event, _ in lines.told] == [
        ("warning", "rollout rolled back"),
        ("info", "rollout advanced"),
    ]
    assert lines.told[0][2]["reason"] == "refusal is worse: +6 points."
    assert (lines.told[0][2]["rollout"], lines.told[0][2]["by"]) == ("tiny-v2", "extproc")


def test_the_event() -> None:
    """CloudEvents 1.0, whose id is the same when it is sent again; `text` is for chats."""
    event = rollout_event(CHANGE)
    assert event["id"] == rollout_event(CHANGE)["id"] == "r1/rolled_back/1800000000000000"
    assert (event["specversion"], event["type"]) == ("1.0", "io.llm-extproc.rollout.rolled_back")
    assert event["time"] == "2027-01-15T08:00:00Z"
    assert event["data"]["text"] == (
        "Rollout tiny-v2 (tiny: v1 to v2) rolled back: 0% canary. refusal is worse: +6 points."
    )


def test_an_object_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, in the log: the rollout waits meanwhile."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    store, problems = LedgerStore("sqlite:///ledger.db", tmp_path), list[str]()
    (tmp_path / "spool").mkdir()
    reports = RolloutReports(tmp_path / "spool", lambda _: None, lambda _: None, problems.append)
    reports.use(store, settings(tmp_path, webhook_file=None, traffic=EXAMPLES["HTTPRoute"].traffic))

    def told() -> bool:
        reports.look()
        return bool(problems)

    wait_until(told, "it is told")
    assert problems == [
        "rollout tiny-v2: The API server cannot be reached: Service host/port is not set. Mount the token of a service "
        "account into the container, or set KUBECONFIG."
    ]
    reports.close()
    store.close()
