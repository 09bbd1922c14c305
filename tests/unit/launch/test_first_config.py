"""The configuration of ``extproc up`` is valid for whatever names servers have, and Envoy can be configured from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.load import load
from extproc.config.models import compile_models, find_version
from extproc.config.problems import ConfigInvalid
from extproc.envoy_config.generate import bootstrap
from extproc.launch.first_config import Addresses, first_configuration
from extproc.launch.upstreams import ServedVersion

ADDRESSES = Addresses("127.0.0.1:10000", "127.0.0.1:9901", "127.0.0.1:9090", "unix:/tmp/x.sock")


def test_it_is_valid_and_says_what_was_asked() -> None:
    """Two versions of one model."""
    versions = [
        ServedVersion("v1", 95, "llama", ("127.0.0.1:8000",)),
        ServedVersion("v2", 5, "llama-next", ("127.0.0.1:8001", "vllm:8002")),
    ]
    loaded = load(first_configuration({"llama": versions}, ADDRESSES), "up")
    assert loaded.warnings == ()
    document = loaded.document
    made = document.models["llama"].versions
    assert [(name, one.weight, one.served_model, one.endpoints) for name, one in made.items()] == [
        ("v1", 95, None, ("127.0.0.1:8000",)),
        ("v2", 5, "llama-next", ("127.0.0.1:8001", "vllm:8002")),
    ]
    assert (document.envoy.listen, document.envoy.admin) == ADDRESSES[:2]
    assert (document.server.metrics, document.server.listen) == ADDRESSES[2:]
    assert [guard.guard for guard in document.policies[0].guards][:2] == ["injection", "pii"]
    bootstrap(document)


@pytest.mark.parametrize(
    "name",
    [
        "meta-llama/Llama-3.1-8B-Instruct",
        "/models/llama",
        "llama3:8b",
        "TinyLlama_v1.1",
        "org/model@main",
        "a" * 128,
    ],
)
def test_names_that_servers_use_are_taken(name: str) -> None:
    """A folder of vLLM's, a tag of Ollama's; Envoy routes by them too."""
    versions = [ServedVersion("v1", 1, name, ("a:1",)), ServedVersion("v2", 1, "other", ("b:1",))]
    document = load(first_configuration({name: versions}, ADDRESSES), "up").document
    models = compile_models(document, {})
    assert find_version(models, f"{name}/v2") == (models[name], models[name].by_name["v2"])
    assert f"{name}/v1" in str(bootstrap(document))


@given(st.text(min_size=1, max_size=40))
def test_a_model_of_any_name_is_taken_or_refused_in_words(name: str) -> None:
    """A server may call its model what it likes: no name changes the rest of the file."""
    try:
        text = first_configuration({name: [ServedVersion("v1", 1, name, ("a:1",))]}, ADDRESSES)
        document = load(text, "up").document
    except ConfigInvalid:
        return
    assert list(document.models) == [name]
    assert len(document.policies) == 1
