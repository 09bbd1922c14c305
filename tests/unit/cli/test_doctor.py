"""``extproc doctor``: what it takes, how it ends, and that it quotes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli import doctor
from extproc.server.sockets.free_ports import free_ports
from tests.unit.cli.samples import fill
from tests.unit.config.conftest import MINIMAL
from tests.unit.envoy_config.doctor.faults import FAULTS, sound

KEY = "a-credential-that-stays-secret"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder, and no variable."""
    monkeypatch.delenv("LLM_EXTPROC_CONFIG", raising=False)
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def run(*arguments: str, content: bytes | None = None) -> Result:
    """The command."""
    return CliRunner().invoke(app, ["doctor", *arguments], input=content)


def with_faults(*codes: str) -> dict[str, Any]:
    """Envoy's configuration with mistakes."""
    configuration: dict[str, Any] = json.loads(json.dumps(sound()))
    for code in codes:
        FAULTS[code](configuration)
    return configuration


@pytest.mark.usefixtures("folder")
def test_without_errors_it_ends_well() -> None:
    """Without any configuration of llm-extproc."""
    result = run("--file", "sound_envoy.yaml")
    assert (result.exit_code, result.output) == (0, "0 errors, 0 warnings\n")


@pytest.mark.parametrize(("codes", "ends"), [(["retry-billed-twice"], 0), (["retry-billed-twice", "mode-override"], 1)])
def test_errors_alone_fail(folder: Path, codes: list[str], ends: int) -> None:
    """Warnings are told, and do not break a pipeline."""
    (folder / "dump.json").write_text(json.dumps(with_faults(*codes)))
    result = run("--file", "dump.json", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"]) == (ends, not ends)
    assert (told["errors"], told["warnings"]) == (ends, 1)
    assert {one["code"] for one in told["findings"]} == set(codes)
    assert (told["looked_at"], told["config"]) == (["dump.json"], None)


@pytest.mark.usefixtures("folder")
def test_a_finding_is_a_line_with_all_of_it() -> None:
    """Code, severity, place, what and how to fix it; then how many there are."""
    line, sums = run("--file", "bad_envoy.yaml").stdout.splitlines()
    assert line == (
        "failure-mode-open: error: static_resources.listeners[0].failure_mode_allow: true lets requests pass unguarded"
        " when the processor fails. Set it to false."
    )
    assert sums == "1 error, 0 warnings; docs/doctor.md says more of each code"


@pytest.mark.usefixtures("folder")
def test_standard_input_is_a_file_too() -> None:
    """As from `kubectl exec` or istioctl."""
    result = run("--file", "-", content=json.dumps(with_faults("mode-override")).encode())
    assert (result.exit_code, result.stdout.split(":")[0]) == (1, "mode-override")


def test_several_files_are_one_envoy(folder: Path) -> None:
    """As istioctl writes listeners and clusters."""
    resources = with_faults("grpc-cluster-unknown")["static_resources"]
    for kind in ("listeners", "clusters"):
        (folder / f"{kind}.json").write_text(json.dumps(resources[kind]))
    assert run("--file", "listeners.json").exit_code == 0
    assert run("--file", "listeners.json", "--file", "clusters.json").exit_code == 1


def test_files_without_listeners_are_too_little(folder: Path) -> None:
    """What has nothing to look into is no Envoy without mistakes."""
    (folder / "clusters.json").write_text(json.dumps(with_faults()["static_resources"]["clusters"]))
    result = run("--file", "clusters.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "clusters.json: there is no listener." in result.stderr


def test_places_max(folder: Path) -> None:
    """A mistake in many places is shown in some, and counted in all."""
    configuration = with_faults()
    listeners = configuration["static_resources"]["listeners"]
    listeners += [{"name": str(number), "failure_mode_allow": True} for number in range(doctor.PLACES_MAX + 3)]
    (folder / "dump.json").write_text(json.dumps(configuration))
    told = json.loads(run("--file", "dump.json", "--json").stdout)
    assert (len(told["findings"]), told["errors"]) == (doctor.PLACES_MAX, doctor.PLACES_MAX + 3)
    assert "3 more of the same codes" in run("--file", "dump.json").stdout


@pytest.mark.usefixtures("folder")
def test_a_credential_of_a_probe_is_not_printed() -> None:
    """Neither that of a header, nor that of a URL; nobody answers here."""
    (port,) = free_ports(1)
    url = f"http://user:{KEY}@127.0.0.1:{port}/{KEY}"
    result = run("--probe", url, "--direct", url, "-H", f"authorization: Bearer {KEY}", "--json")
    assert result.exit_code == 1
    assert KEY not in result.output
    told = json.loads(result.stdout)
    assert {one["code"] for one in told["findings"]} == {"probe-unanswered"}
    assert told["looked_at"] == [f"http://127.0.0.1:{port}"] * 2


def test_the_configuration_names_its_envoy(folder: Path) -> None:
    """Without `--admin` it is that of `envoy.admin`, which listens for all of the machine; nobody answers there now."""
    (port,) = free_ports(1)
    (folder / "asked.yaml").write_text(f"{MINIMAL}envoy: {{ admin: '0.0.0.0:{port}' }}\n")
    result = run("asked.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"http://127.0.0.1:{port}: no admin server of Envoy answers (connection refused).\n"
