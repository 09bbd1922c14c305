"""The files under envoy/ are what the command writes, and Envoy takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from extproc.config.document import Document
from extproc.envoy_config.envoy_process import validation_error
from extproc.envoy_config.generate import bootstrap, to_yaml
from extproc.envoy_config.lint import lint
from extproc.server.operations.config_files import read_config
from tests.e2e.harness import require_envoy

ROOT = Path(__file__).parents[3]
SHIPPED = {
    "demo.yaml": "extproc/demo/config.yaml",
    "gateway.yaml": "envoy/gateway.llm-extproc.yaml",
    "fallback.yaml": "envoy/fallback.llm-extproc.yaml",
    "sidecar-guard.yaml": "envoy/sidecar-guard.llm-extproc.yaml",
}


def test_no_file_is_forgotten() -> None:
    """Every Envoy file is in the table of these tests and in the README beside it."""
    files = {file.name for file in (ROOT / "envoy").glob("*.yaml") if not file.name.endswith(".llm-extproc.yaml")}
    readme = (ROOT / "envoy" / "README.md").read_text()
    assert files == set(SHIPPED)
    assert all(f"`{name}`" in readme for name in files)


@pytest.mark.parametrize(("file", "source"), SHIPPED.items())
def test_the_file_is_the_output_for_its_configuration(file: str, source: str) -> None:
    """To mend: extproc envoy-config SOURCE --output envoy/FILE."""
    loaded = read_config(ROOT / source).loaded
    assert (ROOT / "envoy" / file).read_text() == to_yaml(bootstrap(loaded.document))


@pytest.mark.parametrize("file", SHIPPED)
def test_the_file_passes_our_lint(file: str) -> None:
    """Nothing that lets traffic past the guards."""
    assert lint(yaml.safe_load((ROOT / "envoy" / file).read_text())) == []


@pytest.mark.parametrize("file", SHIPPED)
def test_the_real_envoy_accepts_the_file(file: str) -> None:
    """Envoy's own validation finds no error."""
    require_envoy()
    assert validation_error(ROOT / "envoy" / file) is None


def test_the_real_envoy_reads_odd_names_as_text(tmp_path: Path, document: Callable[..., Document]) -> None:
    """Versions with names that YAML readers disagree on reach Envoy as the texts they are."""
    require_envoy()
    names = ("n", "y", "No", "1e3", "0x10", "1_000", "null", "1.0", "12-30", "a.b/c")
    price = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
    version = {"weight": 1, "endpoints": ["127.0.0.1:1"], "price": price}
    written = tmp_path / "envoy.yaml"
    written.write_text(to_yaml(bootstrap(document(models={"y": {"versions": dict.fromkeys(names, version)}}))))
    assert validation_error(written) is None
