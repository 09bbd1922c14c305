"""The rollouts of the ledger are read and watched as a file of the configuration, and reach who serves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extproc.config.problems import ConfigInvalid
from extproc.domain.rollouts import RolloutShare
from extproc.ledger.rollouts.state_file import ROLLOUT_FILE, write_rollout_file
from extproc.server.operations.config_files import ConfigReader
from extproc.server.operations.config_in_force import ConfigInForce
from tests.unit.rollouts import share_of
from tests.unit.server.envoy import CONFIG, write_config

LEDGER = CONFIG + "ledger: { spool: spool }\n"
SHARES = (share_of(), share_of(id="ro-2", teams=("search", "hr"), share=0.05))


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The folder of the spool."""
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def test_a_file_that_is_not_there_has_no_rollouts(tmp_path: Path) -> None:
    """Nor has a folder; it is noticed when it comes, changes and goes."""
    reader = ConfigReader(write_config(tmp_path, LEDGER))
    assert (reader.read().rollouts, reader.changed()) == ((), False)
    (tmp_path / "spool").mkdir()
    assert not reader.changed()
    for shares in (SHARES, SHARES[:1]):
        write_rollout_file(tmp_path / "spool", shares)
        assert reader.changed()
        assert (reader.read().rollouts, reader.changed()) == (shares, False)
    (tmp_path / "spool" / ROLLOUT_FILE).unlink()
    assert reader.changed()
    assert reader.read().rollouts == ()


def test_without_a_ledger_nothing_is_read(tmp_path: Path, spool: Path) -> None:
    """Whatever lies there."""
    write_rollout_file(spool, SHARES)
    reader = ConfigReader(write_config(tmp_path, CONFIG))
    assert reader.read().rollouts == ()
    write_rollout_file(spool, ())
    assert not reader.changed()


@pytest.mark.parametrize("text", [b"", b"{}", b'{"format": 1, "rollouts": [{}]}'])
def test_a_file_that_cannot_be_used_is_told_and_changes_nothing(tmp_path: Path, spool: Path, text: bytes) -> None:
    """As long as it is there; the configuration is good all the same."""
    reader = ConfigReader(write_config(tmp_path, LEDGER))
    write_rollout_file(spool, SHARES)
    reader.read()
    (spool / ROLLOUT_FILE).write_bytes(text)
    for _ in range(2):
        files = reader.read()
        assert files.rollouts == SHARES
        (warning,) = [str(one) for one in files.loaded.warnings if ROLLOUT_FILE in one.source]
        assert warning.startswith(f"{spool / ROLLOUT_FILE}:1:1: warning: rollouts stay as they were: ")
    write_rollout_file(spool, ())
    assert (reader.read().rollouts, reader.read().loaded.warnings) == ((), files.loaded.warnings[:-1])


def test_a_folder_in_its_place_is_told(tmp_path: Path, spool: Path) -> None:
    """It can not be read."""
    (spool / ROLLOUT_FILE).mkdir()
    (warning,) = [str(one) for one in ConfigReader(write_config(tmp_path, LEDGER)).read().loaded.warnings]
    assert "rollouts stay as they were: it cannot be read (is a directory)." in warning


def test_another_spool_has_other_rollouts(tmp_path: Path, spool: Path) -> None:
    """Those of the one before are forgotten."""
    write_rollout_file(spool, SHARES)
    file = write_config(tmp_path, LEDGER)
    reader = ConfigReader(file)
    assert reader.read().rollouts == SHARES
    file.write_text(LEDGER.replace("spool: spool", "spool: other"))
    assert reader.read().rollouts == ()
    (tmp_path / "other").mkdir()
    write_rollout_file(tmp_path / "other", SHARES[1:])
    assert reader.changed()
    assert reader.read().rollouts == SHARES[1:]


def test_rollouts_are_read_while_the_configuration_is_invalid(tmp_path: Path, spool: Path) -> None:
    """With the last good files."""
    file = write_config(tmp_path, LEDGER)
    reader = ConfigReader(file)
    good = reader.read()
    file.write_text("models: [")
    write_rollout_file(spool, SHARES)
    with pytest.raises(ConfigInvalid):
        reader.read()
    assert reader.with_other_rollouts(SHARES) is None
    other = reader.with_other_rollouts(())
    assert other is not None
    assert (other.rollouts, other.loaded.document) == (SHARES, good.loaded.document)
    write_rollout_file(spool, ())
    assert reader.changed()


@pytest.mark.parametrize("shares", [(), SHARES])
def test_rollouts_reach_the_workers(tmp_path: Path, spool: Path, shares: tuple[RolloutShare, ...]) -> None:
    """As they are in the file."""
    write_rollout_file(spool, shares)
    files = ConfigReader(write_config(tmp_path, LEDGER)).read()
    config = ConfigInForce(files.loaded.document, files.prompts, rollouts=files.rollouts)
    sent: dict[str, Any] = json.loads(json.dumps(config.to_message()))
    assert ConfigInForce.of_message(sent).rollouts == shares
    assert ConfigInForce.of_message(sent).compiled().rollouts == shares
