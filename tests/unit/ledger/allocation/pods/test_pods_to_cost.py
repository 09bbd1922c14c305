"""From a configuration without a number of GPUs to what teams pay for them, through what ships the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.config.load import load
from extproc.ledger.allocation import sampling
from extproc.ledger.allocation.sample_reports import SampleReports
from extproc.ledger.allocation.sample_tables import GPU_SERVERS
from extproc.ledger.allocation.settings import sampling_settings
from extproc.ledger.store import LedgerStore
from tests.unit.config.test_bad_files import BASE
from tests.unit.ledger.allocation.model_pages import PageServer, vllm_page
from tests.unit.ledger.allocation.pods.samples import container, node, pod
from tests.unit.ledger.allocation.test_sampling import until
from tests.unit.ledger.rollouts.kubernetes.api_server import ApiServer, kubeconfig, serving
from tests.unit.ledger.samples import entry

_HOUR_US = 3_600_000_000
GPUS = """
ledger: { url: sqlite:///ledger.db }
gpus:
  kubernetes: { namespaces: [models] }
  servers:
    - { endpoint: "ENDPOINT" }
    - { endpoint: "127.0.0.1:8002", gpus: 1, kind: L4, price: l4 }
  prices:
    - { name: h100, kind: NVIDIA-H100-80GB-HBM3, per_gpu_hour: "2.50" }
    - { name: l4, per_gpu_hour: "0.70" }
  watts: { NVIDIA-H100-80GB-HBM3: 700 }
"""


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    """What ends with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def server(undo: ExitStack) -> PageServer:
    """A model server that started five hours ago."""
    made = PageServer()
    made.says(vllm_page(start_s=time.time() - 5 * 3_600, ready_s=time.time() - 5 * 3_600))
    undo.callback(made.close)
    return made


@pytest.fixture
def api(undo: ExitStack, server: PageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """With the pod of that server, which has four GPUs."""
    running = undo.enter_context(serving(ApiServer()))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, running.url)))
    running.put(pod(container(4, port=int(server.endpoint.rpartition(":")[2])), address="127.0.0.1"))
    running.put(node())
    return running


@pytest.mark.usefixtures("api")
def test_what_pods_hold_is_what_teams_pay(
    tmp_path: Path, server: PageServer, undo: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the price of their kind, and with its watts."""
    monkeypatch.setattr(sampling, "STORE_S", 0.0)
    text = GPUS.replace("ENDPOINT", server.endpoint) + BASE.replace("127.0.0.1:8001", server.endpoint)
    (tmp_path / "config.yaml").write_text(text)
    document = load(text, "config.yaml").document
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    undo.callback(store.close)
    told: list[str] = []
    reports = SampleReports(told.append)
    reports.use(store, json.loads(json.dumps({**(sampling_settings(document) or {}), "scrape_s": 0.02})))

    def rows() -> list[dict[str, Any]]:
        reports.look()
        return [dict(row) for row in store.rows(select(GPU_SERVERS).where(GPU_SERVERS.c.server == server.endpoint))]

    until(lambda: [row["gpus"] for row in rows()] == [4])
    reports.look(last=True)
    assert [one for one in told if "127.0.0.1:8002" not in one] == []  # that one does not run
    sent_us = (time.time_ns() // 1_000) // _HOUR_US * _HOUR_US - 3 * _HOUR_US
    times = {"sent_at_us": sent_us, "first_token_at_us": sent_us + 1_000, "ended_at_us": sent_us + _HOUR_US // 2}
    store.add([entry(exchange="e-1", server=server.endpoint, team="search", started_at_us=sent_us - 10, **times)])
    monkeypatch.chdir(tmp_path)
    arguments = ["allocate", "config.yaml", "--from", "yesterday", "--json"]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    (search,) = found["rows"]
    assert search["group"] == ["search"]
    assert (search["used_us"], search["used_cost_nano"]) == (4 * _HOUR_US // 2, 5_000_000_000)
    assert search["energy_mwh"] == 4 * 700 * 1_000 // 2
    assert (found["unpriced"], found["unknown"]) == (0, [])
