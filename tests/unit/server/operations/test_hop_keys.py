"""Keys of marks: read from their files, followed when they change, passed to workers, never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extproc.config.problems import ConfigInvalid
from extproc.exchange.hop_marks import hop_key
from extproc.exchange.snapshot import compile_snapshot
from extproc.server.operations.config_files import ConfigReader, read_config
from extproc.server.operations.config_in_force import ConfigInForce
from tests.unit.server.envoy import CONFIG, write_config

KEY, LATER = bytes(range(128, 160)), bytes(range(96, 128))  # the first is no text
HOPS = CONFIG + "\nhops: { key_files: [hop.key, later.key] }\n"
MASKED = (
    HOPS.replace("- filter: prompt", "- filter: guards\n  - filter: prompt")
    + """
policies:
  - name: default
    guards:
      - guard: pii
        masking: { type: hash, key_file: mask.key }
"""
)


def with_keys(folder: Path, first: bytes | None = KEY, later: bytes | None = LATER, config: str = HOPS) -> Path:
    """A configuration with two files of keys."""
    for name, key in (("hop.key", first), ("later.key", later)):
        if key is not None:
            (folder / name).write_bytes(key)
    return write_config(folder, config)


def test_keys_are_read_and_their_change_noticed(tmp_path: Path) -> None:
    """A rotation needs no restart: the first key signs from then on."""
    reader = ConfigReader(with_keys(tmp_path))
    assert reader.read().mask_keys["hop.key"] == KEY
    (tmp_path / "hop.key").write_bytes(b"n" * 64)
    assert reader.changed()
    files = reader.read()
    snapshot = compile_snapshot(files.loaded.document, files.prompts, files.mask_keys)
    assert snapshot.hops is not None
    assert snapshot.hops.keys == (hop_key(b"n" * 64), hop_key(LATER))


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        (b"x" * 31, LATER, "hops.key_files[0]: a key of the wrong length, expected 32 to 64 bytes"),
        (b"x" * 65, LATER, "hops.key_files[0]: a key of the wrong length, expected 32 to 64 bytes"),
        (KEY, b"", "hops.key_files[1]: a key of the wrong length, expected 32 to 64 bytes"),
        (None, LATER, "hops.key_files[0]: the text `hop.key` is not a file"),
        (b"x" * 32, b"x" * 32, "hops.key_files[1]: the same key as that of another file"),
    ],
)
def test_a_key_that_cannot_be_used_is_told(
    tmp_path: Path, first: bytes | None, later: bytes | None, expected: str
) -> None:
    """At the line that names its file, with the command that makes one; what is in it is not shown."""
    with pytest.raises(ConfigInvalid) as refused:
        read_config(with_keys(tmp_path, first, later), with_certificates=True)
    assert expected in str(refused.value)
    assert "openssl rand -out FILE 32" in str(refused.value)
    assert "xxx" not in str(refused.value)


def test_a_key_of_something_else_is_refused(tmp_path: Path) -> None:
    """Who can read hashes of masks must not be able to sign marks."""
    (tmp_path / "mask.key").write_bytes(KEY)
    with pytest.raises(ConfigInvalid, match="the same key as that of another file"):
        read_config(with_keys(tmp_path, config=MASKED), with_certificates=True)
    (tmp_path / "mask.key").write_bytes(b"m" * 32)
    assert read_config(with_keys(tmp_path, config=MASKED), with_certificates=True).mask_keys["mask.key"] == b"m" * 32


def test_a_check_elsewhere_needs_no_key(tmp_path: Path) -> None:
    """As it needs no certificates; what is compiled from it has a key that nobody else has."""
    files = read_config(with_keys(tmp_path, None, None))
    snapshot = compile_snapshot(files.loaded.document, files.prompts, files.mask_keys)
    assert snapshot.hops is not None
    assert len(snapshot.hops.keys) == 2


def test_workers_get_the_keys(tmp_path: Path) -> None:
    """Each of them signs, or checks."""
    files = ConfigReader(with_keys(tmp_path)).read()
    config = ConfigInForce(files.loaded.document, files.prompts, mask_keys=files.mask_keys)
    message = json.loads(json.dumps(config.to_message()))
    taken = ConfigInForce.of_message(message)
    assert (taken.mask_keys["hop.key"], taken.mask_keys["later.key"]) == (KEY, LATER)


def test_keys_are_not_shown(tmp_path: Path) -> None:
    """Not by what may end in a log."""
    files = ConfigReader(with_keys(tmp_path, b"secret-key-secret-key-secret-key")).read()
    snapshot = compile_snapshot(files.loaded.document, files.prompts, files.mask_keys)
    shown = repr(files) + repr(snapshot.hops)
    key = hop_key(b"secret-key-secret-key-secret-key")
    for secret in ("secret-key", repr(key.for_marks), repr(key.for_bodies)):
        assert secret not in shown


def test_keys_of_an_included_file_are_next_to_it(tmp_path: Path) -> None:
    """As all paths are relative to the file that names them."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "hops.yaml").write_text("hops: { key_files: [hop.key] }\n")
    (tmp_path / "parts" / "hop.key").write_bytes(KEY)
    file = write_config(tmp_path, "include: [parts/hops.yaml]\n" + CONFIG)
    assert read_config(file, with_certificates=True).mask_keys["parts/hop.key"] == KEY
