"""Keys of masks: read from their files, made for the process where there is none, handed on to workers, never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extproc.config.problems import ConfigInvalid
from extproc.domain.masks import HASH_KEY_BYTES_MAX, PROCESS_KEY
from extproc.server.operations.config_files import ConfigReader, read_config
from extproc.server.operations.config_in_force import ConfigInForce
from tests.unit.server.envoy import CONFIG, write_config

KEY = bytes(range(128, 160))  # no text
HASHING = (
    CONFIG.replace("- filter: prompt", "- filter: guards\n  - filter: prompt")
    + """
policies:
  - name: default
    guards:
      - guard: pii
        masking: { type: hash, key_file: mask.key }
"""
)


def hashing(folder: Path, key: bytes | None = KEY) -> Path:
    """A configuration with a key file."""
    if key is not None:
        (folder / "mask.key").write_bytes(key)
    return write_config(folder, HASHING)


def test_a_key_is_read_and_its_change_noticed(tmp_path: Path) -> None:
    """By its path in the document."""
    reader = ConfigReader(hashing(tmp_path))
    assert reader.read().mask_keys["mask.key"] == KEY
    (tmp_path / "mask.key").write_bytes(KEY * 2)
    assert reader.changed()
    assert reader.read().mask_keys["mask.key"] == KEY * 2


def test_a_process_keeps_its_own_key(tmp_path: Path) -> None:
    """Masks stay the same through a reload; two processes have two keys."""
    reader = ConfigReader(hashing(tmp_path))
    key = reader.read().mask_keys[PROCESS_KEY]
    assert len(key) == HASH_KEY_BYTES_MAX
    assert reader.read().mask_keys[PROCESS_KEY] == key
    assert ConfigReader(hashing(tmp_path)).read().mask_keys[PROCESS_KEY] != key


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"x" * 15, "a key of the wrong length, expected 16 to 64 bytes"),
        (b"x" * 65, "a key of the wrong length, expected 16 to 64 bytes"),
        (None, "`mask.key` is not a file"),
    ],
)
def test_a_key_that_cannot_be_used_is_told(tmp_path: Path, key: bytes | None, expected: str) -> None:
    """At the line that names its file; what is in it is not shown."""
    with pytest.raises(ConfigInvalid) as refused:
        read_config(hashing(tmp_path, key), with_certificates=True)
    assert expected in str(refused.value)
    assert "xxx" not in str(refused.value)


def test_a_check_elsewhere_needs_no_key(tmp_path: Path) -> None:
    """As it needs no certificates."""
    keys = read_config(hashing(tmp_path, None)).mask_keys
    assert keys["mask.key"] == keys[PROCESS_KEY]


def test_workers_get_the_keys(tmp_path: Path) -> None:
    """All of them the same, so that one value has one mask in all."""
    files = ConfigReader(hashing(tmp_path)).read()
    config = ConfigInForce(files.loaded.document, files.prompts, mask_keys=files.mask_keys)
    message = json.loads(json.dumps(config.to_message()))
    assert ConfigInForce.of_message(message).mask_keys == files.mask_keys


def test_keys_are_not_shown(tmp_path: Path) -> None:
    """Not by what may end in a log."""
    files = ConfigReader(hashing(tmp_path, b"secret-key-secret")).read()
    config = ConfigInForce(files.loaded.document, files.prompts, mask_keys=files.mask_keys)
    assert "secret-key" not in repr(files) + repr(config)
