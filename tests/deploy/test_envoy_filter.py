"""The overlay's EnvoyFilter: a valid object, the filter of our own Envoy, and good for the real Envoy."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.config.document import Document
from extproc.envoy_config.clusters import processor_cluster
from extproc.envoy_config.envoy_process import validation_error
from extproc.envoy_config.generate import bootstrap
from extproc.envoy_config.lint import lint
from extproc.envoy_config.listener import buffer_limit_bytes
from extproc.envoy_config.names import FILTER_NAME
from extproc.server.operations.config_files import read_config
from tests.deploy.custom_resources import schema_problems
from tests.deploy.manifests import BASE, ISTIO_SIDECAR, Manifest, one, written
from tests.deploy.pilot import PatchMissed, patched
from tests.e2e.harness import require_envoy

HERE = Path(__file__).parent
DEFINITION = HERE / "crds" / "envoyfilters.networking.istio.io.yaml"
CONTEXT = "SIDECAR_INBOUND"

Block = dict[str, Any]


@pytest.fixture
def document() -> Document:
    """The configuration that the pod mounts."""
    return read_config(BASE / "config" / "config.yaml").loaded.document


@pytest.fixture
def envoy_filter() -> Manifest:
    """The overlay's EnvoyFilter, to be changed at will."""
    return one(written(ISTIO_SIDECAR), "EnvoyFilter")


@pytest.fixture
def inbound() -> Block:
    """What Istio gives a pod's proxy, in small; chains share nothing, as they do in Envoy."""
    skeleton: Block = json.loads(json.dumps(yaml.safe_load((HERE / "proxies" / "inbound.yaml").read_text())))
    return skeleton


def patch(envoy_filter: Manifest, kind: str) -> Block:
    """The only patch of a kind."""
    found: Block
    (found,) = [each for each in envoy_filter["spec"]["configPatches"] if each["applyTo"] == kind]
    return found


def value(envoy_filter: Manifest, kind: str) -> Block:
    """What the only patch of a kind adds."""
    result: Block = patch(envoy_filter, kind)["patch"]["value"]
    return result


def filters_by_chain(configuration: Block) -> list[tuple[int, str, list[str]]]:
    """Port, transport and names of the HTTP filters, of each chain."""
    (listener,) = configuration["static_resources"]["listeners"]
    return [
        (
            chain["filter_chain_match"]["destination_port"],
            chain["filter_chain_match"]["transport_protocol"],
            [each["name"] for each in chain["filters"][0]["typed_config"]["http_filters"]],
        )
        for chain in listener["filter_chains"]
    ]


# --- the object ----------------------------------------------------------------------------------------------------


def test_it_is_valid(envoy_filter: Manifest) -> None:
    """By Istio's own definition, with unknown fields refused."""
    assert schema_problems(DEFINITION, envoy_filter) == []


MISTAKES: dict[str, Callable[[Manifest], object]] = {
    "workloadselector": lambda spec: spec.update(workloadselector=spec.pop("workloadSelector")),
    "INSERT_AHEAD": lambda spec: spec["configPatches"][2]["patch"].update(operation="INSERT_AHEAD"),
    "portnumber": lambda spec: spec["configPatches"][2]["match"]["listener"].update(portnumber=8000),
    "SIDECAR": lambda spec: spec["configPatches"][1]["match"].update(context="SIDECAR"),
    "8000": lambda spec: spec["configPatches"][2]["match"]["listener"].update(portNumber="8000"),
}


@pytest.mark.parametrize("named", MISTAKES)
def test_a_mistake_in_the_object_is_found(named: str, envoy_filter: Manifest) -> None:
    """A misspelled field, an operation or context that there is not, a number as text: each is named."""
    MISTAKES[named](envoy_filter["spec"])
    (problem,) = schema_problems(DEFINITION, envoy_filter)
    assert named in problem


def test_it_is_checked_by_its_own_definition(envoy_filter: Manifest) -> None:
    """An object of another version is not silently valid."""
    with pytest.raises(LookupError, match="v1beta9"):
        schema_problems(DEFINITION, {**envoy_filter, "apiVersion": "networking.istio.io/v1beta9"})


# --- no drift from the generator -----------------------------------------------------------------------------------


def in_the_mesh(generated: Block) -> Block:
    """The generator's filter with the choice that differs in the mesh; ``envoy_config.istio`` says why."""
    expected = copy.deepcopy(generated)
    del expected["typed_config"]["status_on_error"]
    return expected


def generated_filter(document: Document) -> Block:
    """The processor's filter in the bootstrap configuration for a document, without what leaves it out.

    Istio knows the types of the filters that it is given; of those in the condition it may not.
    """
    (listener,) = bootstrap(document)["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    (found,) = [each for each in manager["http_filters"] if each["name"] == FILTER_NAME]
    result: Block = found["typed_config"]["extension_config"]
    return result


def test_the_filter_is_the_generated_one(document: Document, envoy_filter: Manifest) -> None:
    """Key by key what `extproc envoy-config` writes for the pod's configuration, but for the named choices."""
    assert value(envoy_filter, "HTTP_FILTER") == in_the_mesh(generated_filter(document))


def test_the_cluster_is_the_generated_one(document: Document, envoy_filter: Manifest) -> None:
    """Name, protocol, limits, and the address at which the pod's configuration listens."""
    assert value(envoy_filter, "CLUSTER") == processor_cluster(document)


def test_the_buffer_holds_what_the_processor_reads(document: Document, envoy_filter: Manifest) -> None:
    """The listener's limit follows from the limits in the pod's configuration."""
    expected = {"per_connection_buffer_limit_bytes": buffer_limit_bytes(document.limits)}
    assert value(envoy_filter, "LISTENER") == expected


def test_the_filter_is_on_the_port_of_the_model_server(envoy_filter: Manifest) -> None:
    """Istio looks for the port that the Service sends to."""
    (port,) = one(written(BASE), "Service")["spec"]["ports"]
    assert patch(envoy_filter, "HTTP_FILTER")["match"]["listener"]["portNumber"] == port["targetPort"]


# --- in a proxy ----------------------------------------------------------------------------------------------------


def test_the_filter_is_last_before_the_router_on_its_port_only(envoy_filter: Manifest, inbound: Block) -> None:
    """After authorisation, with and without mutual TLS; other ports of the pod are left alone."""
    assert filters_by_chain(patched(envoy_filter, inbound, CONTEXT)) == [
        (8000, "tls", ["envoy.filters.http.rbac", FILTER_NAME, "envoy.filters.http.router"]),
        (8000, "raw_buffer", ["envoy.filters.http.rbac", FILTER_NAME, "envoy.filters.http.router"]),
        (8080, "raw_buffer", ["envoy.filters.http.router"]),
    ]


def test_the_patched_proxy_passes_our_lint(document: Document, envoy_filter: Manifest, inbound: Block) -> None:
    """No unknown cluster, no missing limit, nothing that fails open."""
    largest = max(document.limits.request_body_bytes_max, document.limits.response_body_bytes_max)
    assert lint(patched(envoy_filter, inbound, CONTEXT), body_bytes_max=largest) == []


def test_the_real_envoy_accepts_the_patched_proxy(envoy_filter: Manifest, inbound: Block, tmp_path: Path) -> None:
    """Every field of the patches is one that Envoy has."""
    require_envoy()
    assert validation_error(_written(patched(envoy_filter, inbound, CONTEXT), tmp_path)) is None


def test_a_misspelled_field_is_found_by_the_real_envoy(envoy_filter: Manifest, inbound: Block, tmp_path: Path) -> None:
    """The definition cannot know what is inside `value`; Envoy does."""
    require_envoy()
    config = value(envoy_filter, "HTTP_FILTER")["typed_config"]
    config["failure_mode_alow"] = config.pop("failure_mode_allow")
    error = validation_error(_written(patched(envoy_filter, inbound, CONTEXT), tmp_path))
    assert error is not None
    assert "failure_mode_alow" in error


def test_an_unknown_cluster_is_found(envoy_filter: Manifest, inbound: Block) -> None:
    """Envoy's own validation lets it pass, and every request would fail."""
    value(envoy_filter, "HTTP_FILTER")["typed_config"]["grpc_service"]["envoy_grpc"]["cluster_name"] = "llm-extproc"
    problems = lint(patched(envoy_filter, inbound, CONTEXT))
    assert len(problems) == len(("tls", "raw_buffer"))
    assert all("no cluster is called 'llm-extproc'" in each for each in problems)


def test_a_filter_without_its_anchor_is_found(envoy_filter: Manifest, inbound: Block) -> None:
    """Without `subFilter` Istio inserts it first: whoever may not even ask would be metered."""
    del patch(envoy_filter, "HTTP_FILTER")["match"]["listener"]["filterChain"]["filter"]["subFilter"]
    (_, _, names), *_ = filters_by_chain(patched(envoy_filter, inbound, CONTEXT))
    assert names.index(FILTER_NAME) < names.index("envoy.filters.http.rbac")


MISSES: dict[str, Callable[[Manifest], object]] = {
    "another sub filter": lambda filter_: patch(filter_, "HTTP_FILTER")["match"]["listener"]["filterChain"][
        "filter"
    ].update(subFilter={"name": "envoy.filters.http.jwt_authn"}),
    "another port": lambda filter_: patch(filter_, "HTTP_FILTER")["match"]["listener"].update(portNumber=8001),
    "another listener": lambda filter_: patch(filter_, "LISTENER")["match"]["listener"].update(name="virtualOutbound"),
    # In virtualInbound every pod's port is a chain; the listener itself has another port.
    "a listener by the pod's port": lambda filter_: patch(filter_, "LISTENER")["match"].update(
        listener={"portNumber": 8000}
    ),
    "a cluster without context": lambda filter_: patch(filter_, "CLUSTER")["match"].pop("context"),
    "the outbound context": lambda filter_: patch(filter_, "HTTP_FILTER")["match"].update(context="SIDECAR_OUTBOUND"),
}


@pytest.mark.parametrize("what", MISSES)
def test_a_patch_that_finds_no_place_is_found(what: str, envoy_filter: Manifest, inbound: Block) -> None:
    """Istio passes over such a patch in silence, and the traffic would pass unguarded."""
    MISSES[what](envoy_filter)
    with pytest.raises(PatchMissed, match="finds no place in SIDECAR_INBOUND"):
        patched(envoy_filter, inbound, CONTEXT)


def _written(configuration: Block, folder: Path) -> Path:
    file = folder / "envoy.yaml"
    file.write_text(json.dumps(configuration))
    return file
