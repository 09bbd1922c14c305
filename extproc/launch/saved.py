"""What ``extproc up --save`` writes besides the configuration: how to run the same under Compose and systemd."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Final

CONFIG: Final = "llm-extproc.yaml"
ENVOY_FOLDER: Final = "envoy"
COMPOSE: Final = "compose.yaml"
PROCESSOR_UNIT: Final = "llm-extproc.service"
ENVOY_UNIT: Final = "llm-extproc-envoy.service"
ENVOY_IMAGE: Final = "envoyproxy/envoy:v1.40.0"
PROCESSOR_IMAGE: Final = "llm-extproc"

_COMPOSE: Final = """\
# docker compose -f {compose} up
# The image of the processor: docker build -f deploy/Dockerfile -t {image} . (in the repository)
services:
  processor:
    image: {image}
    command: [serve, --config, {config}, --envoy-folder, {envoy_folder}]
    network_mode: host
    user: "{user}"
    volumes: ["{folder}:{folder}", "{config_folder}:{config_folder}"]
    stop_grace_period: {stop_s}s
    restart: always
  envoy:
    image: {envoy_image}
    command: [-c, {bootstrap}, --disable-hot-restart, -l, warning]
    network_mode: host
    user: "{user}"
    volumes: ["{folder}:{folder}:ro"]
    depends_on: [processor]
    restart: always
"""
_PROCESSOR_UNIT: Final = """\
# cp {units} /etc/systemd/system/ && systemctl enable --now {names}
[Unit]
Description=llm-extproc, the processor
After=network-online.target

[Service]
ExecStart={serve} --config {config} --envoy-folder {envoy_folder}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
TimeoutStopSec={stop_s}

[Install]
WantedBy=multi-user.target
"""
_ENVOY_UNIT: Final = """\
[Unit]
Description=Envoy of llm-extproc
Requires={processor_unit}
After={processor_unit}

[Service]
ExecStart={envoy} -c {bootstrap} --disable-hot-restart -l warning
Restart=always

[Install]
WantedBy=multi-user.target
"""


def saved_files(folder: Path, config: Path, envoy: Path, user: str, drain_s: float) -> dict[str, str]:
    """The files by name.

    Args:
        folder: in which they and Envoy's files lie; absolute, and without characters that YAML or systemd would read
            otherwise (see ``unusable``).
        config: the configuration, likewise.
        envoy: Envoy's binary.
        user: UID:GID that owns the folder.
        drain_s: how long the processor may drain [s].
    """
    envoy_folder = folder / ENVOY_FOLDER
    values = {
        "bootstrap": envoy_folder / "envoy.yaml",
        "compose": folder / COMPOSE,
        "config": config,
        "config_folder": config.parent,
        "envoy": envoy,
        "envoy_folder": envoy_folder,
        "envoy_image": ENVOY_IMAGE,
        "folder": folder,
        "image": PROCESSOR_IMAGE,
        "names": f"{PROCESSOR_UNIT} {ENVOY_UNIT}",
        "processor_unit": PROCESSOR_UNIT,
        "serve": shlex.join([sys.executable, "-m", "extproc", "serve"]),
        "stop_s": round(drain_s) + 10,
        "units": f"{folder / PROCESSOR_UNIT} {folder / ENVOY_UNIT}",
        "user": user,
    }
    return {
        COMPOSE: _COMPOSE.format(**values),
        PROCESSOR_UNIT: _PROCESSOR_UNIT.format(**values),
        ENVOY_UNIT: _ENVOY_UNIT.format(**values),
    }


def unusable(folder: Path) -> str:
    """Characters of a path that the files above cannot hold; empty if there are none."""
    return "".join(sorted({one for one in str(folder) if not (one.isalnum() or one in "/._-+@")}))
