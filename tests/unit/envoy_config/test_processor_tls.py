"""Envoy's side of TLS with the processor: what it expects, what it shows, and what is told when that is not given."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.cli.envoy_config import write
from extproc.config.checks import check_for_envoy
from extproc.config.document import Document
from extproc.config.load import load
from extproc.envoy_config.envoy_process import validation_error
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.generate import bootstrap, to_yaml
from extproc.envoy_config.lint import lint
from extproc.envoy_config.processor_tls import secrets
from tests.e2e.harness import require_envoy
from tests.unit.server.authority import Authority

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
Make = Callable[..., Document]

TLS = {"certificate_file": "tls.crt", "key_file": "tls.key"}
MTLS = TLS | {"client_ca_file": "ca.crt"}
SHARED = {"address": "llm-extproc.llm.svc:50051", "ca_file": "/tls/ca.crt"}
MODELS = """\
models:
  chat:
    versions:
      v1:
        weight: 1
        endpoints: ["127.0.0.1:1"]
        price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }
filters: [{ filter: version }, { filter: meter }]
"""
IDENTITY = {"certificate_file": "/tls/tls.crt", "key_file": "/tls/tls.key"}


def shared(document: Make, tls: dict[str, str] | None, processor: dict[str, str]) -> Document:
    """A document of a processor that listens on every interface."""
    server: dict[str, Any] = {"listen": "0.0.0.0:50051"} | ({"tls": tls} if tls else {})
    return document(server=server, envoy={"processor": processor})


def cluster_of(made: Document) -> dict[str, Any]:
    """The processor's cluster."""
    clusters: list[dict[str, Any]] = bootstrap(made)["static_resources"]["clusters"]
    return next(cluster for cluster in clusters if cluster["name"] == "llm_extproc")


def context_of(made: Document) -> dict[str, Any]:
    """The TLS context of that cluster."""
    context: dict[str, Any] = cluster_of(made)["transport_socket"]["typed_config"]
    return context


def test_without_tls_there_is_no_transport_socket(document: Make) -> None:
    """Also for a processor elsewhere, which has an address of its own and more time to be reached."""
    cluster = cluster_of(shared(document, None, {"address": "llm-extproc.llm.svc:50051"}))
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert endpoint["endpoint"]["address"]["socket_address"]["address"] == "llm-extproc.llm.svc"
    assert (cluster["type"], cluster["connect_timeout"]) == ("STRICT_DNS", "1s")
    assert "transport_socket" not in cluster


def test_envoy_asks_for_the_name_of_the_address(document: Make) -> None:
    """It offers h2, and believes only the CA's certificate for that name."""
    context = context_of(shared(document, TLS, SHARED))
    assert context["sni"] == "llm-extproc.llm.svc"
    common = context["common_tls_context"]
    assert common["alpn_protocols"] == ["h2"]
    assert common["validation_context"] == {
        "trusted_ca": {"filename": "/tls/ca.crt"},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "llm-extproc.llm.svc"}}],
    }
    assert "tls_certificates" not in common


@pytest.mark.parametrize(
    ("processor", "sni", "kind", "name"),
    [
        (SHARED | {"server_name": "guard.example"}, "guard.example", "DNS", "guard.example"),
        (SHARED | {"address": "10.0.0.7:50051"}, None, "IP_ADDRESS", "10.0.0.7"),
        (SHARED | {"address": "[fd00::7]:50051"}, None, "IP_ADDRESS", "fd00::7"),
        ({"ca_file": "/tls/ca.crt"}, None, "IP_ADDRESS", "127.0.0.1"),
    ],
)
def test_the_expected_name_is_given_or_the_host(
    document: Make, processor: dict[str, str], sni: str | None, kind: str, name: str
) -> None:
    """An IP address stands in the certificate as one, and is never sent as a server's name."""
    context = context_of(shared(document, TLS, processor))
    assert context.get("sni") == sni
    (matcher,) = context["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"]
    assert matcher == {"san_type": kind, "matcher": {"exact": name}}


def test_envoy_shows_its_certificate_where_one_is_asked_for(document: Make) -> None:
    """mTLS."""
    common = context_of(shared(document, MTLS, SHARED | IDENTITY))["common_tls_context"]
    assert common["tls_certificates"] == [
        {"certificate_chain": {"filename": "/tls/tls.crt"}, "private_key": {"filename": "/tls/tls.key"}}
    ]


@pytest.mark.parametrize(
    ("tls", "processor", "said"),
    [
        (TLS, {}, r"envoy\.processor\.ca_file: the processor uses TLS"),
        (MTLS, SHARED, "certificate_file and key_file go together"),
        (TLS, SHARED | {"key_file": "/k"}, "certificate_file and key_file go together"),
    ],
)
def test_what_would_end_in_503s_is_not_written(
    document: Make, tls: dict[str, str], processor: dict[str, str], said: str
) -> None:
    """The command tells it at its line; this is for those who call the generator."""
    with pytest.raises(EnvoyConfigError, match=said):
        bootstrap(shared(document, tls, processor))


def test_the_real_envoy_accepts_it(document: Make, tmp_path: Path) -> None:
    """It reads the files when it validates."""
    require_envoy()
    authority = Authority()
    authority.issue("envoy.example").write(tmp_path, "tls")
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    files = {"ca_file": "ca.crt", "certificate_file": "tls.crt", "key_file": "tls.key"}
    processor = SHARED | {key: str(tmp_path / name) for key, name in files.items()}
    written = tmp_path / "envoy.yaml"
    written.write_text(to_yaml(bootstrap(shared(document, MTLS, processor))))
    assert validation_error(written) is None


def test_the_documented_example_is_right() -> None:
    """What it shows can be loaded, and Envoy's side fits."""
    section = OPERATIONS.read_text().split("\n## A shared service\n", 1)[1]
    (example,) = re.findall(r"```yaml\n(.*?)```", section.split("\n## ", 1)[0], re.DOTALL)
    loaded = load(example + MODELS, "operations.md")
    assert check_for_envoy(loaded.document, loaded.places) == []
    assert lint(bootstrap(loaded.document)) == []


# --- secrets -------------------------------------------------------------------------------------------------------


def test_with_a_folder_of_secrets_the_bootstrap_names_no_certificate(document: Make) -> None:
    """Envoy never reads again what its bootstrap names; secrets it does, when a file is renamed in the folder."""
    made = shared(document, MTLS, SHARED | IDENTITY | {"sds_folder": "/sds"})
    assert "/tls/" not in to_yaml(bootstrap(made))
    assert set(bootstrap(made)["node"]) == {"id", "cluster"}  # else Envoy does not start
    common = context_of(made)["common_tls_context"]
    (identity,) = common["tls_certificate_sds_secret_configs"]
    files = secrets(made.server, made.envoy.processor)
    for config in (identity, common["validation_context_sds_secret_config"]):
        folder, _, file = config["sds_config"]["path_config_source"]["path"].rpartition("/")
        assert folder == "/sds"
        assert [resource["name"] for resource in files.pop(file)["resources"]] == [config["name"]]
    assert files == {}


def test_secrets_hold_what_the_bootstrap_would(document: Make) -> None:
    """The same CA, name, certificate and key, and the folder that is watched."""
    common = context_of(shared(document, MTLS, SHARED | IDENTITY))["common_tls_context"]
    made = shared(document, MTLS, SHARED | IDENTITY | {"sds_folder": "/sds"})
    ca, identity = (file["resources"][0] for file in secrets(made.server, made.envoy.processor).values())
    watched = {"watched_directory": {"path": "/tls"}}
    assert ca["validation_context"] == common["validation_context"] | watched
    assert identity["tls_certificate"] == common["tls_certificates"][0] | watched


def test_without_a_client_certificate_there_is_one_secret(document: Make) -> None:
    """And without a folder, or without TLS, there is none."""
    made = shared(document, TLS, SHARED | {"sds_folder": "/sds"})
    assert len(secrets(made.server, made.envoy.processor)) == 1
    assert "tls_certificate_sds_secret_configs" not in context_of(made)["common_tls_context"]
    for made in (shared(document, TLS, SHARED), document()):
        assert secrets(made.server, made.envoy.processor) == {}


def written(folder: Path, more: str = "") -> Path:
    """A configuration with TLS in a file."""
    file = folder / "llm-extproc.yaml"
    file.write_text(f"""{MODELS}
server: {{ listen: "0.0.0.0:50051", tls: {{ certificate_file: nowhere.crt, key_file: nowhere.key }} }}
envoy: {{ processor: {{ address: "llm-extproc.llm.svc:50051", ca_file: /tls/ca.crt{more} }} }}
""")
    return file


def test_the_command_writes_the_secrets_and_needs_no_certificates(tmp_path: Path) -> None:
    """They are on other machines. Each file is one secret, as Envoy wants it."""
    folder = tmp_path / "new" / "sds"
    assert write(written(tmp_path, ", sds_folder: /sds"), tmp_path / "envoy.yaml", False, folder) == []
    (file,) = folder.iterdir()
    assert yaml.safe_load(file.read_text())["resources"][0]["name"] == file.stem
    assert "sds_config" in (tmp_path / "envoy.yaml").read_text()


def test_secrets_that_nobody_would_read_are_not_written(tmp_path: Path) -> None:
    """The message says which key is missing."""
    (problem,) = write(written(tmp_path), tmp_path / "envoy.yaml", False, tmp_path / "sds")
    assert "Set envoy.processor.sds_folder, or remove --sds." in problem
    assert not (tmp_path / "sds").exists()
    assert not (tmp_path / "envoy.yaml").exists()


# --- lint ----------------------------------------------------------------------------------------------------------


def test_lint_has_nothing_to_say_of_it(document: Make) -> None:
    """What we generate is right."""
    assert lint(bootstrap(shared(document, MTLS, SHARED | IDENTITY))) == []


@pytest.mark.parametrize(
    ("key", "said"), [("alpn_protocols", "gRPC is HTTP/2"), ("validation_context", "any server at the address")]
)
def test_lint_finds_what_is_missing(document: Make, key: str, said: str) -> None:
    """Envoy takes both: the first shows when the first request fails, the second never."""
    configuration = bootstrap(shared(document, TLS, SHARED))
    cluster = configuration["static_resources"]["clusters"][-1]
    del cluster["transport_socket"]["typed_config"]["common_tls_context"][key]
    (problem,) = lint(configuration)
    assert f"clusters[2].transport_socket.typed_config.common_tls_context.{key}: " in problem
    assert said in problem


def test_lint_accepts_a_validation_by_sds(document: Make) -> None:
    """Secrets that Envoy is sent, or reads again when they change."""
    configuration = bootstrap(shared(document, TLS, SHARED))
    cluster = configuration["static_resources"]["clusters"][-1]
    common = cluster["transport_socket"]["typed_config"]["common_tls_context"]
    del common["validation_context"]
    common["validation_context_sds_secret_config"] = {"name": "ca"}
    assert lint(configuration) == []
