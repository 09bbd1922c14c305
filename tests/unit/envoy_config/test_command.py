"""``extproc envoy-config`` prints a configuration that can be used, or says what is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from extproc.cli.envoy_config import envoy_config_command
from tests.e2e.harness import require_envoy

ROOT = Path(__file__).parents[3]
DEMO = str(ROOT / "extproc" / "demo" / "config.yaml")
NO_ENDPOINT = """\
models:
  chat:
    versions:
      v1: { weight: 1, price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 } }
filters:
  - filter: version
  - filter: meter
"""


def run(*arguments: str) -> Result:
    """What the command says and its exit code."""
    app = typer.Typer()
    app.command()(envoy_config_command)
    return CliRunner().invoke(app, list(arguments))


def test_it_prints_what_is_shipped() -> None:
    """Standard output is the file, byte for byte."""
    result = run(DEMO)
    assert (result.exit_code, result.stdout) == (0, (ROOT / "envoy" / "demo.yaml").read_text())


def test_it_writes_a_file_and_prints_nothing(tmp_path: Path) -> None:
    """With --output the text goes there."""
    output = tmp_path / "envoy.yaml"
    result = run(DEMO, "--output", str(output))
    assert (result.exit_code, result.stdout) == (0, "")
    assert output.read_text() == (ROOT / "envoy" / "demo.yaml").read_text()


def test_a_version_without_a_server_is_shown_at_its_line(tmp_path: Path) -> None:
    """Valid for the processor, but Envoy needs to know where to go: exit 2, and no file is written."""
    config, output = tmp_path / "config.yaml", tmp_path / "envoy.yaml"
    config.write_text(NO_ENDPOINT)
    result = run(str(config), "--output", str(output))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{config}:4:")
    assert "endpoints" in result.stderr
    assert not output.exists()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Exit 2, with the reason."""
    result = run(str(tmp_path / "gone.yaml"))
    assert result.exit_code == 2
    assert "gone.yaml" in result.stderr


def test_without_a_file_it_says_how_it_is_called() -> None:
    """Exit 2, with how to name one."""
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--config FILE" in result.stderr


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: [", "cannot be read"),
        ("- a", "expected an Envoy bootstrap configuration, with `static_resources:` or `dynamic_resources:`.\n"),
        ("{}", "the keys here are: none.\n"),
        ("kind: EnvoyFilter\nspec: {}\n", "the keys here are: `kind`, `spec`.\n"),
        ("kind: EnvoyFilter\n---\nkind: VirtualService\n", "expected an Envoy bootstrap configuration"),
        ("models: {}\nfilters: []\n", "this is a configuration of llm-extproc. Check it with `extproc check "),
        ("static_resources: 3", "static_resources: expected a mapping"),
        ("static_resources: { listeners: [3] }", "static_resources.listeners: expected a list of mappings."),
        ("static_resources: { clusters: {} }", "static_resources.clusters: expected a list of mappings."),
        ("static_resources: {listeners: [{failure_mode_allow: true}]}", "lets requests pass unguarded"),
    ],
)
def test_lint_names_the_file_and_the_mistake(tmp_path: Path, text: str, found: str) -> None:
    """Exit 2 for a file that is not sound."""
    file = tmp_path / "envoy.yaml"
    file.write_text(text)
    result = run("--lint", str(file))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{file}: ")
    assert found in result.stderr


def test_lint_says_what_it_does_not_look_into(tmp_path: Path) -> None:
    """A file whose listeners come by xDS is no file without mistakes."""
    file = tmp_path / "envoy.yaml"
    file.write_text("dynamic_resources: {}")
    result = run("--lint", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{file}: only static_resources are looked into, and there are none.\n"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Exit 2 with its name and the reason."""
    (tmp_path / "file").write_text("")
    result = run(DEMO, "--output", str(tmp_path / "file" / "envoy.yaml"))
    assert result.exit_code == 2
    assert result.stderr == f"extproc envoy-config: cannot write {tmp_path}/file/envoy.yaml: not a directory\n"


def test_a_full_disk_is_told_with_the_file() -> None:
    """Where the operating system names none."""
    result = run(DEMO, "--output", "/dev/full")
    assert result.exit_code == 2
    assert result.stderr == "extproc envoy-config: cannot write /dev/full: no space left on device\n"


def test_lint_has_nothing_to_say_of_a_shipped_file() -> None:
    """Exit 0, and no word."""
    result = run("--lint", str(ROOT / "envoy" / "gateway.yaml"))
    assert (result.exit_code, result.output) == (0, "")


def test_what_envoy_cannot_do_is_told(tmp_path: Path) -> None:
    """Exit 2 with the key, rather than a configuration that Envoy refuses at its start."""
    config = tmp_path / "config.yaml"
    config.write_text(Path(DEMO).read_text().replace("listen: 127.0.0.1:10000", "listen: gateway.example:10000"))
    demo = Path(DEMO).parent
    shutil.copytree(demo / "prompts", tmp_path / "prompts")
    shutil.copy(demo / "facts.yaml", tmp_path)
    result = run(str(config))
    assert result.exit_code == 2
    assert "envoy.listen: Envoy listens on an IP address" in result.stderr


def test_validate_lets_the_real_envoy_look_at_it() -> None:
    """Exit 0, and the configuration is printed as without."""
    require_envoy()
    result = run(DEMO, "--validate")
    assert (result.exit_code, result.stdout) == (0, (ROOT / "envoy" / "demo.yaml").read_text())
