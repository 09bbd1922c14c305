"""Templates for Argo Rollouts and Flagger: valid objects, and each verdict has the outcome that the documentation says.

A real processor's page and a real Prometheus answer. What is not theirs is imitated: how Argo Rollouts reads a JSON
path of one key and evaluates a condition, and how Flagger compares a number with a range; only the forms that the
templates use are known, all others are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from extproc.domain.rollouts import NOT_HARMED, ControllerVerdict, RolloutPhase
from extproc.ledger.rollouts.verdict_board import STALE_S, VerdictBoard
from extproc.server.operations.health import Health
from extproc.server.operations.pages import OpsServer
from extproc.sinks.metrics import Metrics
from tests.deploy.custom_resources import schema_problems
from tests.deploy.monitoring import ROOT, labels_by_metric
from tests.deploy.promql import names_in
from tests.docs.pages import DOCS, section
from tests.e2e.harness import wait_until
from tests.hangs import HANG_S
from tests.tools.prometheus import Prometheus, prometheus

FOLDER: Final = ROOT / "deploy" / "rollouts"
CRDS: Final = Path(__file__).parent / "crds"
ARGO_FILE, FLAGGER_FILE = FOLDER / "argo-analysis-templates.yaml", FOLDER / "flagger-metric-template.yaml"
GATE, WATCH = yaml.safe_load_all(ARGO_FILE.read_text())
(HEALTHY,) = yaml.safe_load_all(FLAGGER_FILE.read_text())
ROLLOUT: Final = "chat-v2"
OUTCOMES: Final = {
    # verdict: the gate (`waits`: an error that is tried again), the watch, the metric of Flagger (min: 1)
    ControllerVerdict.ADVANCE: ("waits", "inconclusive", "passes"),
    ControllerVerdict.HOLD: ("waits", "inconclusive", "passes"),
    ControllerVerdict.ROLL_BACK: ("waits", "inconclusive", "passes"),  # told in a moment, by `rolled_back`
    ControllerVerdict.PAUSED: ("waits", "inconclusive", "passes"),
    ControllerVerdict.PROMOTED: ("success", "success", "passes"),
    ControllerVerdict.ROLLED_BACK: ("failure", "failure", "halts"),
    ControllerVerdict.INCONCLUSIVE: ("inconclusive", "inconclusive", "halts"),
    ControllerVerdict.BROKEN_OFF: ("failure", "failure", "halts"),
    ControllerVerdict.STALE: ("waits", "inconclusive", "halts"),
}
_RUNNING: Final = {ControllerVerdict.ADVANCE, ControllerVerdict.HOLD, ControllerVerdict.ROLL_BACK}


# --- objects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", [GATE, WATCH], ids=lambda one: one["metadata"]["name"])
def test_argo_rollouts_takes_the_templates(template: dict[str, Any]) -> None:
    """And no other key; arguments that are used are declared."""
    definition = CRDS / "analysistemplates.argoproj.io.yaml"
    assert schema_problems(definition, template) == []
    declared = {one["name"] for one in template["spec"]["args"]}
    assert set(re.findall(r"\{\{args\.([\w-]+)\}\}", json.dumps(template["spec"]["metrics"]))) == declared
    template = json.loads(json.dumps(template))
    template["spec"]["metrics"][0]["succesCondition"] = "x"
    assert len(schema_problems(definition, template)) == 1


def test_flagger_takes_the_template() -> None:
    """And no other key."""
    definition = CRDS / "metrictemplates.flagger.app.yaml"
    assert schema_problems(definition, HEALTHY) == []
    assert len(schema_problems(definition, {**HEALTHY, "spec": {**HEALTHY["spec"], "querry": "x"}})) == 1


def test_the_gate_can_never_count_to_a_success() -> None:
    """Argo Rollouts takes a metric that reaches its count as successful, whatever was measured: none has one."""
    for template in (GATE, WATCH):
        (metric,) = template["spec"]["metrics"]
        assert "count" not in metric
        assert metric["failureLimit"] == 0
    gate, watch = GATE["spec"]["metrics"][0], WATCH["spec"]["metrics"][0]
    assert "interval" not in gate, "one measurement; errors are tried again"
    assert gate["inconclusiveLimit"] == 0
    assert (gate["consecutiveErrorLimit"] * 10, watch["inconclusiveLimit"] * 30) == (14 * 86_400, 14 * 86_400)


def test_queries_name_what_exists() -> None:
    """Metrics, labels, and phases."""
    labels = labels_by_metric()
    for query in (WATCH["spec"]["metrics"][0]["provider"]["prometheus"]["query"], HEALTHY["spec"]["query"]):
        for one in names_in(query).selected:
            conditions = {label: values for label, _, values in one.conditions}
            assert conditions.keys() <= labels[one.metric]
            assert set(conditions.get("phase", "running").split("|")) <= {phase.value for phase in RolloutPhase}


# --- what Argo Rollouts and Flagger do, in the forms that are used -------------------------------------------------


def json_path(document: Mapping[str, Any], path: str) -> Any:
    """One key, as ``{$.key}``."""
    found = re.fullmatch(r"\{\$\.(\w+)\}", path)
    assert found is not None, path
    return document[found[1]]


def holds(condition: str, result: Any) -> bool:
    """Comparisons of ``result`` with a text, or of the first of a vector with a number, joined by ``||`` or ``&&``."""
    if "||" in condition:
        return any(holds(part.strip(), result) for part in condition.split("||"))
    if "&&" in condition:
        return all(holds(part.strip(), result) for part in condition.split("&&"))
    if (found := re.fullmatch(r'result == "(\w+)"', condition)) is not None:
        return bool(result == found[1])
    if condition == "len(result) > 0":
        return len(result) > 0
    found = re.fullmatch(r"result\[0\] (==|<) (\d+)", condition)
    assert found is not None, condition
    return bool(result[0] == float(found[2]) if found[1] == "==" else result[0] < float(found[2]))


def measured(metric: Mapping[str, Any], result: Any) -> str:
    """A measurement with both conditions: a failure, a success, or neither."""
    if holds(metric["failureCondition"], result):
        return "failure"
    return "success" if holds(metric["successCondition"], result) else "inconclusive"


def filled(text: str, **arguments: str) -> str:
    """Arguments of Argo Rollouts, and variables of Flagger, in their places."""
    for name, value in arguments.items():
        text = text.replace(f"{{{{args.{name}}}}}", value).replace(f"{{{{ variables.{name} }}}}", value)
    assert "{{" not in text
    return text


# --- each verdict --------------------------------------------------------------------------------------------------


class Replica:
    """A processor's page, told of a rollout as the process that ships would."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.metrics = Metrics(10)
        self.board = VerdictBoard((lambda: self.now_s, lambda: 1_800_000_000.0))
        verdict = self.board.answer
        self.pages = OpsServer("127.0.0.1", 0, self.metrics.registry, Health(), lambda: True, verdict)
        self.target = f"127.0.0.1:{self.pages.port}"

    def tell(self, said: ControllerVerdict) -> None:
        """As of now; stale: long ago."""
        stale = said is ControllerVerdict.STALE
        phase = "running" if said in _RUNNING else "promoted" if stale else said.value
        shown = {"name": ROLLOUT, "model": "llama", "step": 1, "share": 0.05, "phase": phase, "gates": []}
        verdict: dict[str, Any] = {
            **{"id": "r1", "name": ROLLOUT, "model": "llama", "canary": "v2", "canary_fingerprint": "f2"},
            **{"verdict": "promoted" if stale else said.value, "healthy": int(said in NOT_HARMED), "reasons": []},
        }
        for report in (
            {"rollouts": [shown], "rollouts_led": True},
            {"rollout_ids": ["r1"], "rollout_verdicts": [verdict]},
        ):
            self.metrics.ledger.shipped(report)
            self.board.take(report)
        if stale:
            self.now_s += STALE_S + 1
            self.metrics.ledger._rollouts._seen.set(1.0)

    def asked(self, url: str) -> tuple[int, dict[str, Any]]:
        """What the page answers to a URL."""
        host, _, path = url.removeprefix("http://").partition("/")
        connection = HTTPConnection(host, timeout=HANG_S)
        connection.request("GET", f"/{path}")
        response = connection.getresponse()
        body = json.loads(response.read())
        connection.close()
        return response.status, body


@contextmanager
def replica() -> Iterator[Replica]:
    """One whose page is served."""
    one = Replica()
    try:
        yield one
    finally:
        one.pages.close()


def outcome_at_the_gate(one: Replica, fingerprint: str = "") -> str:
    """Of a measurement; what is not 200 is an error, which Argo Rollouts tries again."""
    (metric,) = GATE["spec"]["metrics"]
    web = metric["provider"]["web"]
    status, body = one.asked(filled(web["url"], processor=one.target, rollout=ROLLOUT, fingerprint=fingerprint))
    return "waits" if status != 200 else measured(metric, json_path(body, web["jsonPath"]))


@pytest.mark.parametrize("said", ControllerVerdict)
def test_each_verdict_at_the_gate(said: ControllerVerdict) -> None:
    """Over HTTP, at a page as it is served."""
    with replica() as one:
        assert outcome_at_the_gate(one) == "waits", "nothing was told yet"
        one.tell(said)
        assert outcome_at_the_gate(one) == OUTCOMES[said][0]
        assert outcome_at_the_gate(one, "f3") == "waits", "it is of another revision"


@pytest.mark.parametrize("said", ControllerVerdict)
def test_conditions_are_complete_without_the_wait(said: ControllerVerdict) -> None:
    """A template without ``until`` has three outcomes; only what is promoted is a success."""
    found = measured(GATE["spec"]["metrics"][0], said.value)
    over = {ControllerVerdict.ROLL_BACK, ControllerVerdict.ROLLED_BACK, ControllerVerdict.BROKEN_OFF}
    assert found == ("success" if said is ControllerVerdict.PROMOTED else "failure" if said in over else "inconclusive")


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replica, Prometheus]]:
    """A Prometheus that reads a replica."""
    with replica() as one, prometheus(tmp_path_factory.mktemp("verdicts"), one.target) as reader:
        yield one, reader


@pytest.mark.parametrize("said", ControllerVerdict)
def test_each_verdict_in_prometheus(read: tuple[Replica, Prometheus], said: ControllerVerdict) -> None:
    """A real one evaluates both queries."""
    one, reader = read
    one.tell(said)
    phase = "running" if said in _RUNNING else "promoted" if said is ControllerVerdict.STALE else said.value
    seen_s = one.metrics.registry.get_sample_value("llm_rollout_seen_timestamp_seconds")

    def is_read() -> bool:
        told = f'llm_rollout_phase{{phase="{phase}"}} == 1'
        return bool(reader.query(f"{told} and on (instance) llm_rollout_seen_timestamp_seconds == {seen_s}"))

    wait_until(is_read, "Prometheus has read the page", HANG_S)
    (metric,) = WATCH["spec"]["metrics"]
    watched = vector(reader, filled(metric["provider"]["prometheus"]["query"], rollout=ROLLOUT))
    healthy = vector(reader, filled(HEALTHY["spec"]["query"], rollout=ROLLOUT))
    of_flagger = "passes" if healthy and healthy[0] >= 1 else "halts"
    assert (measured(metric, watched), of_flagger) == OUTCOMES[said][1:]


def test_a_rollout_that_is_not_there_is_no_success(read: tuple[Replica, Prometheus]) -> None:
    """No series: neither a success nor a failure for Argo Rollouts, and Flagger halts."""
    _, reader = read
    (metric,) = WATCH["spec"]["metrics"]
    assert (
        measured(metric, vector(reader, filled(metric["provider"]["prometheus"]["query"], rollout="x")))
        == "inconclusive"
    )
    assert vector(reader, filled(HEALTHY["spec"]["query"], rollout="x")) == []


def vector(reader: Prometheus, query: str) -> list[float]:
    """The values of an answer."""
    return [float(one["value"][1]) for one in reader.query(query)]


# --- the documentation ---------------------------------------------------------------------------------------------


def test_the_documentation_has_the_same_outcomes() -> None:
    """Its table, row by row."""
    text = section(DOCS / "rollouts-with-others.md", "With Argo Rollouts or Flagger")
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (\w+) \| (\w+) \| (\w+) \|$", text, re.MULTILINE)
    assert {name: tuple(outcomes) for name, *outcomes in rows} == {
        said.value: outcomes for said, outcomes in OUTCOMES.items()
    }
