"""The doctor as a Helm test and as an init container: its arguments do what they say, beside a real Envoy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.envoy_config.generate import bootstrap, to_yaml
from extproc.server.operations.config_files import read_config
from tests.deploy.helm_chart import rendered
from tests.deploy.manifests import Manifest, container, one
from tests.deploy.test_injection import injected, pod_of_vllm
from tests.deploy.test_live_proxy import as_guard, in_the_mesh
from tests.e2e.harness import Stack, require_envoy

CONFIG = "/etc/llm-extproc/config.yaml"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo, which has what the chart's configuration has."""
    require_envoy()
    with Stack(tmp_path_factory.mktemp("doctor")) as stack:
        yield stack


def doctor_pod(*values: str) -> Manifest:
    """The pod with more values."""
    more = [word for value in values for word in ("--set", value)]
    return one(rendered("gateway", *more), "Pod", "llm-llm-extproc-doctor")


def run(arguments: list[str], config: Path, **paths: Path) -> Result:
    """The arguments of a container, with files where they are here."""
    at = {CONFIG: str(config), **{f"/etc/envoy/{name}.yaml": str(path) for name, path in paths.items()}}
    for inside, outside in at.items():
        arguments = [each.replace(inside, outside) for each in arguments]
    return CliRunner().invoke(app, arguments)


def arguments_of(pod: Manifest) -> list[str]:
    """Of the only container."""
    found: list[str] = container({"spec": pod["spec"]}, "doctor")["args"]
    return found


def admin_of(stack: Stack) -> str:
    """Of its Envoy."""
    return str(json.loads(stack.config.read_text())["envoy"]["admin"])


# --- a Helm test ---------------------------------------------------------------------------------------------------


def test_there_is_a_pod_where_there_is_something_to_look_into() -> None:
    """Without an address or a file the doctor would say that it has nothing to look into."""
    names = [each["metadata"]["name"] for each in rendered("gateway") if each["kind"] == "Pod"]
    assert names == ["llm-llm-extproc-test"]
    assert doctor_pod("test.doctor.probe=http://gateway")["metadata"]["annotations"]["helm.sh/hook"] == "test"


def test_a_sound_envoy_passes(stack: Stack) -> None:
    """Asked by its admin server, and by a probe through it."""
    pod = doctor_pod(f"test.doctor.admin={admin_of(stack)}", f"test.doctor.probe={stack.base_url}")
    result = run(arguments_of(pod), stack.config)
    assert (result.exit_code, result.stdout) == (0, "0 errors, 0 warnings\n")


def test_a_model_server_that_everybody_reaches_fails(stack: Stack) -> None:
    """From where the test runs."""
    model = f"http://127.0.0.1:{stack.models['v1'].port}"
    pod = doctor_pod(f"test.doctor.probe={stack.base_url}", f"test.doctor.direct={{{model}}}")
    result = run(arguments_of(pod), stack.config)
    assert (result.exit_code, result.stdout.split(":")[0]) == (1, "probe-model-reachable")


@pytest.mark.parametrize("code", ["", "failure-mode-open"])
def test_a_file_of_ones_own_envoy_is_looked_into(stack: Stack, tmp_path: Path, code: str) -> None:
    """From a ConfigMap: what `envoy-config` wrote is sound, and what somebody changed in it is found."""
    configuration = bootstrap(read_config(stack.config).loaded.document)
    text = to_yaml(configuration)
    file = tmp_path / "envoy.yaml"
    file.write_text(text.replace("failure_mode_allow: false", "failure_mode_allow: true") if code else text)
    pod = doctor_pod("test.doctor.files.configMap=envoy", "test.doctor.files.keys={envoy.yaml}")
    (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == "envoy"]
    assert volume["configMap"]["name"] == "envoy"
    result = run(arguments_of(pod), stack.config, envoy=file)
    assert (result.exit_code, code in result.stdout) == (int(bool(code)), True)


def test_a_credential_is_not_in_the_pods_arguments() -> None:
    """The kubelet fills it in from a Secret."""
    pod = one(rendered("istio-gateway"), "Pod", "llm-llm-extproc-doctor")
    assert "--header=authorization: Bearer $(KEY)" in arguments_of(pod)
    assert [each["name"] for each in pod["spec"]["containers"][0]["env"]] == ["KEY"]
    assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "true"


# --- an init container ---------------------------------------------------------------------------------------------


def checked_pod(folder: Path, *values: str) -> Manifest:
    """A pod of a model server, with what Istio injects."""
    return injected(pod_of_vllm(), folder, "--set", "initCheck.enabled=true", *values)


def test_a_model_server_starts_behind_the_check(tmp_path: Path) -> None:
    """Which starts behind Envoy and the processor: init containers start in their order."""
    names = [each["name"] for each in checked_pod(tmp_path)["spec"]["initContainers"]]
    assert names.index("istio-proxy") < names.index("llm-extproc") < names.index("llm-extproc-doctor")


@pytest.mark.parametrize("is_patched", [True, False])
def test_the_check_waits_for_the_filter(is_patched: bool, tmp_path: Path) -> None:
    """Istio's listener passes with our EnvoyFilter, and fails where Istio has not applied it."""
    require_envoy()

    def mesh(configuration: dict[str, Any]) -> None:
        in_the_mesh(configuration)
        if not is_patched:
            text = json.dumps(configuration)
            configuration.clear()
            configuration.update(_without_filter(json.loads(text)))

    with Stack(tmp_path, change=as_guard, change_envoy=mesh) as stack:
        pod = checked_pod(tmp_path, "--set", f"initCheck.admin={admin_of(stack)}")
        result = run(container({"spec": pod["spec"]}, "llm-extproc-doctor")["args"], stack.config)
        told = yaml.safe_load(result.stdout.splitlines()[0].split(":")[0])
        assert (result.exit_code, told) == ((0, "0 errors, 0 warnings") if is_patched else (1, "filter-absent"))


def _without_filter(configuration: dict[str, Any]) -> dict[str, Any]:
    for listener in configuration["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            for each in chain["filters"]:
                filters = each["typed_config"].get("http_filters", [])
                filters[:] = [one for one in filters if one["name"] != "llm.extproc"]
    return configuration
