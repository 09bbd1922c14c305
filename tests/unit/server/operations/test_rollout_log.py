"""A rollout that the ledger changes comes into force as a configuration does, and everyone is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from extproc.domain.rollouts import RolloutShare
from extproc.exchange.snapshot import compile_snapshot
from extproc.ledger.rollouts.state_file import ROLLOUT_FILE, write_rollout_file
from extproc.server.operations.config_files import ConfigReader
from extproc.server.operations.config_in_force import ConfigInForce
from extproc.server.operations.health import Health
from extproc.server.operations.reload import Reloader
from extproc.server.operations.rollout_log import tell_rollouts
from extproc.sinks.metrics import Metrics
from tests.unit.rollouts import share_of
from tests.unit.server.envoy import CONFIG, write_config
from tests.unit.server.fakes import Wired
from tests.unit.server.loops import in_loop

CANARY = """
      v2:
        weight: 0
        price: { prompt_micro_usd_per_mtok: 1000000, completion_micro_usd_per_mtok: 2000000 }
filters:
"""
TWO = CONFIG.replace("\nfilters:\n", CANARY) + "ledger: { spool: spool }\n"
SHARE = share_of(model="tiny-chat", stable="v1", canary="v2", share=0.05)


class Rolled:
    """A reloader on files with a spool, and all that it changes."""

    def __init__(self, folder: Path, *shares: RolloutShare) -> None:
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.write(*shares)
        self.file = write_config(folder, TWO)
        reader = ConfigReader(self.file)
        files = reader.read()
        document = files.loaded.document
        self.wired = Wired(compile_snapshot(document, files.prompts, rollouts=files.rollouts))
        self.health, self.metrics = Health(), Metrics(10)
        self.distributed: list[ConfigInForce] = []
        processor = self.wired.processor
        tell_rollouts(None, processor.snapshot, processor.logger)
        self.reloader = Reloader(
            *(reader, document, processor, self.health, self.metrics, processor.logger),
            distribute=self._distribute,
        )

    async def _distribute(self, config: ConfigInForce) -> None:
        self.distributed.append(config)

    def write(self, *shares: RolloutShare) -> None:
        """What the shipper does."""
        write_rollout_file(self.spool, shares)

    @property
    def share(self) -> float | None:
        """Of the rollout in force."""
        rollout = self.wired.processor.snapshot.models["tiny-chat"].rollout
        return None if rollout is None else rollout.share

    def told(self) -> list[dict[str, Any]]:
        """Lines about rollouts."""
        return [line for line in self.wired.log if line["event"].startswith("rollout")]

    def weights(self) -> list[str]:
        """On the page of metrics."""
        page = generate_latest(self.metrics.registry).decode().splitlines()
        return [line.split("version=")[1] for line in page if line.startswith("llm_version_weight{")]


@in_loop
async def test_a_new_share_is_in_force_with_the_next_look(tmp_path: Path) -> None:
    """In this process, its workers and its metrics; the revision is that of the files of the configuration."""
    rolled = Rolled(tmp_path, SHARE)
    revision = rolled.wired.processor.snapshot.revision
    assert rolled.share == 0.05
    for share, weights in ((0.25, ['"v1"} 0.75', '"v2"} 0.25']), (0.0, ['"v1"} 1.0', '"v2"} 0.0'])):
        rolled.write(SHARE._replace(share=share))
        await rolled.reloader.look()
        assert (rolled.share, rolled.weights()) == (share, weights)
        assert rolled.distributed[-1].rollouts == (SHARE._replace(share=share),)
    assert rolled.wired.processor.snapshot.revision == revision == rolled.health.revision


@in_loop
async def test_what_changes_of_a_rollout_is_told(tmp_path: Path) -> None:
    """Once each: it begins, goes on, does not apply, and is gone."""
    rolled = Rolled(tmp_path, SHARE)
    further = SHARE._replace(step=2, share=0.25)
    for shares in ((SHARE,), (further,), (further, share_of(id="ro-2", model="huge")), (further,), ()):
        rolled.write(*shares)
        await rolled.reloader.look()
    named = {"model": "tiny-chat", "stable": "v1", "canary": "v2"}
    lines = rolled.told()
    assert [(line["level"], line["event"], line["rollout"], line.get("reason")) for line in lines] == [
        ("info", "rollout in force", "ro-1", None),
        ("info", "rollout in force", "ro-1", None),
        ("warning", "rollout not in force", "ro-2", 'the configuration has no model "huge"'),
        ("info", "rollout not in force", "ro-2", "the ledger has it no more; the weights of the configuration apply"),
        ("info", "rollout not in force", "ro-1", "the ledger has it no more; the weights of the configuration apply"),
    ]
    assert named.items() <= lines[1].items()
    assert (lines[1]["step"], lines[1]["share"], lines[1]["compares"]) == (2, 0.25, True)


@in_loop
async def test_another_revision_of_an_arm_ends_the_comparison(tmp_path: Path) -> None:
    """The weights of the configuration apply, and the line says which revision there is."""
    rolled = Rolled(tmp_path)
    found = rolled.wired.processor.snapshot.models["tiny-chat"].by_name
    rolled.write(SHARE._replace(canary_fingerprint=found["v2"].facts.fingerprint))
    await rolled.reloader.look()
    assert rolled.share == 0.05
    rolled.file.write_text(TWO.replace("        weight: 0", "        weight: 0\n        served_model: next"))
    await rolled.reloader.look()
    assert rolled.wired.processor.snapshot.models["tiny-chat"].rollout is None
    assert rolled.weights() == ['"v1"} 1.0', '"v2"} 0.0']
    assert rolled.told()[-1]["reason"].endswith("; the weights of the configuration apply")


@in_loop
async def test_a_roll_back_does_not_wait_for_a_good_configuration(tmp_path: Path) -> None:
    """What is wrong on disk stays told, and the last good configuration has the new share."""
    rolled = Rolled(tmp_path, SHARE)
    rolled.file.write_text(TWO.replace("weight: 1", "wieght: 1"))
    await rolled.reloader.look()
    assert (rolled.share, rolled.distributed) == (0.05, [])
    problem = rolled.health.config_error
    rolled.write(SHARE._replace(share=0.0, measures=False))
    await rolled.reloader.look()
    assert (rolled.share, rolled.health.config_error) == (0.0, problem)
    assert rolled.weights() == ['"v1"} 1.0', '"v2"} 0.0']
    assert rolled.distributed[-1].rollouts[0].share == 0.0
    assert [line["event"] for line in rolled.told()] == ["rollout in force", "rollout in force"]
    rolled.file.write_text(TWO)
    await rolled.reloader.look()
    assert (rolled.share, rolled.health.config_error) == (0.0, "")


@pytest.mark.parametrize("text", [b"", b'{"format": 9}'])
@in_loop
async def test_a_damaged_file_changes_no_share_and_is_told(tmp_path: Path, text: bytes) -> None:
    """Once; the configuration is in force all the same."""
    rolled = Rolled(tmp_path, SHARE)
    (rolled.spool / ROLLOUT_FILE).write_bytes(text)
    for _ in range(3):
        await rolled.reloader.look()
    assert (rolled.share, rolled.health.config_error) == (0.05, "")
    (line,) = [line for line in rolled.wired.log if ROLLOUT_FILE in line.get("problem", "")]
    assert (line["level"], line["event"]) == ("warning", "configuration")
