"""Variables in values: what is replaced, what is refused, and that their values are in no message."""

from __future__ import annotations

import json
from collections.abc import Callable

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.document import Document
from extproc.config.environment import Unexpandable, expanded_text, without_references
from extproc.config.load import Loaded, load, revision_of
from extproc.config.problems import ConfigInvalid
from extproc.config.schema import declared_keys, json_schema
from extproc.server.operations.config_in_force import ConfigInForce
from tests.unit.config.conftest import MINIMAL

Changed = Callable[[str, str], str]

CANARY = "canary-5c1f.internal"
PLAIN = st.text("ab:/.-{}$# é", max_size=6).filter(lambda text: "${" not in text and not text.endswith("$"))
NAMES = st.sampled_from(["HOST", "PORT", "_x1"])
VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
DEFAULTS = st.text("ab:/.@ é", max_size=6)


def reference(name: str, default: str | None) -> str:
    """How a variable is written."""
    return f"${{{name}}}" if default is None else f"${{{name}:{default}}}"


# --- the parser ----------------------------------------------------------------------------------------------------


@given(
    st.lists(st.one_of(PLAIN, st.tuples(NAMES, st.none() | DEFAULTS)), max_size=6),
    st.dictionaries(NAMES, VALUES | st.just("")),
)
def test_every_reference_is_replaced_and_nothing_else(
    pieces: list[str | tuple[str, str | None]], environment: dict[str, str]
) -> None:
    """Once: what a variable holds is not read again, even if it looks like a reference. Empty is not set."""
    written = "=" + "".join(piece if isinstance(piece, str) else reference(*piece) for piece in pieces)
    unset = [one for one in pieces if isinstance(one, tuple) and one[1] is None and not environment.get(one[0])]
    if unset:
        with pytest.raises(Unexpandable, match=f"the environment variable `{unset[0][0]}` is not set"):
            expanded_text(written, environment)
        return
    expected = "=" + "".join(
        piece if isinstance(piece, str) else environment.get(piece[0]) or piece[1] or "" for piece in pieces
    )
    assert expanded_text(written, environment) == expected


@given(st.text("a${}:X- ", max_size=20))
def test_any_text_can_be_written(text: str) -> None:
    """With each `${` escaped, in a key that reads variables and in any other."""
    escaped = text.replace("${", "$${")
    assert without_references(escaped) == text
    assert expanded_text(f"={escaped}", {}) == f"={text}"


@given(st.text("A1_a${}:-= ", max_size=20), st.dictionaries(NAMES, VALUES))
def test_any_text_is_read_or_refused(text: str, environment: dict[str, str]) -> None:
    """Nothing else is raised, and nothing that looks like a reference is left as it is."""
    try:
        read = expanded_text(text, {"A": "value", **environment})
    except Unexpandable:
        return
    if "$${" not in text:
        assert "${" not in read or "${" in "".join(environment.values())


# --- a document ----------------------------------------------------------------------------------------------------


def with_variables(listen: str = "${LISTEN:127.0.0.1:50051}", **environment: str) -> Loaded:
    """The small configuration with addresses from the environment."""
    text = MINIMAL.replace("127.0.0.1:8001", "${VLLM}:8000") + f"server: {{ listen: '{listen}' }}\n"
    return load(text, "c.yaml", {"VLLM": "vllm", **environment})


def test_a_value_comes_from_the_environment() -> None:
    """As if it stood in the file."""
    document = with_variables(LISTEN="127.0.0.1:7").document
    assert document.server.listen == "127.0.0.1:7"
    assert document.models["tiny-chat"].versions["v1"].endpoints == ("vllm:8000",)
    assert with_variables().document.server.listen == "127.0.0.1:50051"


def test_the_revision_tells_nothing_about_the_environment() -> None:
    """It is a hash of what the file says: one revision on every machine, and none from which a value can be guessed."""
    one, other = with_variables(VLLM="one").document, with_variables(VLLM="other").document
    assert one != other
    assert revision_of(one, {}) == revision_of(other, {})
    assert revision_of(one, {}) != revision_of(with_variables("127.0.0.1:50051").document, {})


def test_a_prompts_path_is_not_in_the_revision_either(changed: Changed) -> None:
    """Its text is."""
    text = changed("weight: 1", "weight: 1\n        prompt: { file: '${PROMPT}' }")

    def revision(file: str, prompt: str) -> str:
        return revision_of(load(text, "c.yaml", {"PROMPT": file}).document, {file: prompt})

    assert revision("a.txt", "Be brief.") == revision("b.txt", "Be brief.")
    assert revision("a.txt", "Be brief.") != revision("a.txt", "Be long.")


def test_workers_know_the_same_revision() -> None:
    """They get the document over a link."""
    document = with_variables(VLLM="one").document
    message = json.loads(json.dumps(ConfigInForce(document, {}).to_message()))
    sent = ConfigInForce.of_message(message).document
    assert sent.models == document.models
    assert revision_of(sent, {}) == revision_of(document, {})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("server: { listen: '${X}' }", CANARY),
        ("server: { listen: '${X}' }", f"{CANARY}:99999"),
        ("server: { metrics: '${X}', listen: '${X}' }", f"{CANARY}:7"),
        ("envoy: { listen: '${X}' }", f"unix:/{CANARY}" + "x" * 120),
        ("review: { url: '${X}' }", f"mysql://{CANARY}"),
        ("review: { url: 'postgres://u:${X}@h/d' }", CANARY),
        ("envoy: { processor: { server_name: '${X}' } }", f"{CANARY} "),
        ("classifiers: { judge: { adapter: chat, url: '${X}' } }", CANARY),
        ("classifiers: { judge: { adapter: onnx, labels: [a], path: '${X}' } }", CANARY),
        ("ledger: { cloud_events: { url: '${X}' } }", CANARY),
        ("otel: { endpoint: '${X}' }", f"http://{CANARY}/v1/traces"),
        ("otel: { endpoint: '${X}' }", f"http://{CANARY}:99999"),
        ("ledger: { cloud_events: { url: '${X}' } }", f"http://{CANARY}:99999"),
        ("server: { tls: { certificate_file: '${X}', key_file: '${X}' }, listen: 'unix:/x' }", CANARY),
    ],
)
def test_a_value_is_in_no_message(key: str, value: str) -> None:
    """However wrong it is: the message names what the file says."""
    with pytest.raises(ConfigInvalid) as refused:
        load(f"{MINIMAL}{key}\n", "c.yaml", {"X": value})
    assert CANARY not in str(refused.value)
    assert any(
        said in str(refused.value) for said in ("${X}", "the value from the environment", "TLS on a Unix socket")
    )


# --- what is declared ----------------------------------------------------------------------------------------------


def test_addresses_and_paths_are_declared() -> None:
    """And nothing else: no number, no name, no text for clients."""
    assert {path.rpartition(".")[2].removesuffix("[]") for path in declared_keys()} == {
        "address",
        "admin",
        "budget_webhook_file",
        "ca_file",
        "cache_file",
        "certificate_file",
        "client_ca_file",
        "endpoint",
        "endpoints",
        "file",
        "folder",
        "headers_file",
        "jwks_file",
        "jwks_uri",
        "key_file",
        "key_files",
        "listen",
        "metrics",
        "path",
        "sds_folder",
        "server",
        "server_name",
        "spool",
        "store",
        "token_file",
        "tokenizer_file",
        "url",
        "url_file",
        "user_hash_key_file",
        "webhook_file",
    }


def test_an_editor_does_not_underline_them() -> None:
    """The schema that it reads lets a reference pass where one is read, and there alone."""
    validator = jsonschema.Draft202012Validator(json_schema())
    data = with_variables().document.model_dump(mode="json", exclude_unset=True)
    data["server"]["listen"] = "${LISTEN:127.0.0.1:1}"
    assert not list(validator.iter_errors(data))
    data["models"]["tiny-chat"]["versions"]["v1"]["endpoints"] = ["${VLLM}:8000", "${ALL}"]
    assert not list(validator.iter_errors(data))
    data["models"]["tiny-chat"]["pin_header"] = "${HEADER}"
    assert list(validator.iter_errors(data))
    assert "_written" not in json_schema()["properties"]
    assert set(json_schema()["properties"]) == set(Document.model_fields)
