"""Every check finds its own fault and no other, and nothing is found in what is sound."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.config.document import Document
from extproc.config.problems import Severity
from extproc.envoy_config.doctor.check import PAGE, Examined
from extproc.envoy_config.doctor.reading import model_from
from extproc.envoy_config.doctor.registry import CHECKS, examine
from extproc.envoy_config.dynamic import dynamic_bootstrap, resources, response
from extproc.envoy_config.generate import bootstrap
from extproc.envoy_config.lint import lint
from extproc.server.operations.config_files import read_config
from tests.deploy.helm_chart import GOLDEN
from tests.deploy.manifests import BASE, ISTIO_SIDECAR, Manifest, one, written
from tests.deploy.pilot import patched
from tests.unit.envoy_config.doctor.faults import AT_THE_SERVER, FAULTS, THROUGH, TOLD, document, examined
from tests.unit.envoy_config.test_shipped import SHIPPED

ROOT = Path(__file__).parents[4]
CODES = [check.code for check in CHECKS]


def looked_into(beside: Document, *sources: Any) -> Examined:
    """A configuration of Envoy beside that of llm-extproc which it is for."""
    limits = beside.limits
    largest = max(limits.request_body_bytes_max, limits.response_body_bytes_max)
    return Examined(model_from(sources), beside, largest)


# --- faults --------------------------------------------------------------------------------------------------------


def test_every_check_has_its_fault() -> None:
    """One for each code, and no code twice."""
    assert sorted(CODES) == sorted({**FAULTS, **TOLD})
    assert FAULTS.keys().isdisjoint(TOLD)


@pytest.mark.parametrize("code", CODES)
def test_a_fault_gives_its_code_alone(code: str) -> None:
    """Exactly this finding, with a place and two sentences."""
    found = list(examine(examined(code)))
    assert {each.code for each in found} == {code}
    assert all(each.where and each.what.endswith(".") for each in found)
    assert all(each.fix.endswith(".") or code == "malformed" for each in found)


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_a_fault_is_at_its_place(code: str) -> None:
    """The path leads to something in the file, or to a key that is missing there."""
    for found in examine(examined(code)):
        assert found.where.startswith(("static_resources.", "models.chat.versions.", "bootstrap_extensions"))


# --- what is sound -------------------------------------------------------------------------------------------------


def test_a_sound_installation_has_no_finding() -> None:
    """Also with probes that got what they should."""
    forged = THROUGH.__class__(**{**vars(THROUGH), "kind": THROUGH.kind.__class__.FORGED_VERSION})
    assert list(examine(examined(probes=(THROUGH, forged, AT_THE_SERVER)))) == []


SMALLEST: dict[str, Any] = {
    "limits": {"request_body_bytes_max": 1_024, "response_body_bytes_max": 1_024},
    "envoy": {"message_timeout_ms": 50, "long_message_timeout_ms": 50, "stream_idle_ms": 1_000},
}
LARGEST: dict[str, Any] = {
    "limits": {"request_body_bytes_max": 1 << 30, "response_body_bytes_max": 1 << 30},
    "envoy": {"message_timeout_ms": 600_000, "long_message_timeout_ms": 600_000, "stream_idle_ms": 86_400_000},
}


@pytest.mark.parametrize("chosen", [SMALLEST, LARGEST])
def test_what_a_configuration_chooses_has_no_finding(chosen: dict[str, Any]) -> None:
    """Else `extproc envoy-config`, which looks for the same, would write nothing. Without it silence is a guess."""
    made = document(**chosen)
    assert lint(bootstrap(made), made) == []
    assert list(examine(looked_into(made, bootstrap(made)))) == []
    assert {found.code for found in examine(Examined(model_from([bootstrap(made)])))} <= {"idle-timeout"}


@pytest.mark.parametrize(("file", "source"), SHIPPED.items())
def test_what_is_shipped_has_no_finding(file: str, source: str) -> None:
    """Beside its configuration."""
    shipped = yaml.safe_load((ROOT / "envoy" / file).read_text())
    assert list(examine(looked_into(read_config(ROOT / source).loaded.document, shipped))) == []


@pytest.mark.parametrize("source", SHIPPED.values())
def test_files_that_envoy_watches_have_no_finding(source: str) -> None:
    """The same as listeners, routes and clusters in files of their own, in any order."""
    document = read_config(ROOT / source).loaded.document
    made = resources(document, Path("/etc/envoy"))
    told = [
        dynamic_bootstrap(document, Path("/etc/envoy")),
        response("config.cluster.v3.Cluster", list(made.clusters.values()), "1"),
        response("config.route.v3.RouteConfiguration", [made.routes], "1"),
        response("config.listener.v3.Listener", [made.listener, *made.internal.values()], "1"),
    ]
    assert list(examine(looked_into(document, *told))) == []
    assert list(examine(looked_into(document, *reversed(told)))) == []
    assert list(examine(looked_into(document, *told[2:]))) == []


def helm_sidecar() -> list[Manifest]:
    """What the chart renders for a sidecar."""
    return [each for each in yaml.safe_load_all((GOLDEN / "sidecar.yaml").read_text()) if each]


@pytest.mark.parametrize("manifests", [lambda: written(ISTIO_SIDECAR), helm_sidecar], ids=["kustomize", "helm"])
def test_a_sidecar_in_the_mesh_has_no_finding(manifests: Callable[[], list[Manifest]]) -> None:
    """What Istio makes of our EnvoyFilter. Its other port leads elsewhere and is not guarded."""
    inbound = json.loads(
        json.dumps(yaml.safe_load((ROOT / "tests" / "deploy" / "proxies" / "inbound.yaml").read_text()))
    )
    mesh = patched(one(manifests(), "EnvoyFilter"), inbound, "SIDECAR_INBOUND")
    document = read_config(BASE / "config" / "config.yaml").loaded.document
    assert list(examine(looked_into(document, mesh))) == []
    assert [each.code for each in examine(looked_into(document, inbound))] == ["filter-absent"]


# --- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_the_page_has_a_section_of_each_code(code: str) -> None:
    """To fix: python -m tests.docs.reference."""
    page = (ROOT / PAGE).read_text()
    assert len(re.findall(rf"^### {re.escape(code)}$", page, re.M)) == 1


def test_codes_are_words_and_severities_two() -> None:
    """Fit for a URL and a script."""
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+|malformed", code) for code in CODES)
    assert {check.severity for check in CHECKS} == {Severity.ERROR, Severity.WARNING}
    assert all(check.title and check.about for check in CHECKS)
