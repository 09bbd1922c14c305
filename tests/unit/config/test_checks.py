"""Checks between keys: warnings, and what Envoy's configuration needs (errors: tests/config/bad)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.config.checks import check_for_envoy
from extproc.config.load import load
from extproc.config.problems import ConfigInvalid, Severity
from extproc.domain.contract import ENDPOINT_PATHS

Changed = Callable[[str, str], str]


def warnings_of(text: str) -> list[str]:
    """The warnings of a valid file, without its name."""
    return [str(warning).removeprefix("c.yaml:") for warning in load(text, "c.yaml").warnings]


# --- warnings ------------------------------------------------------------------------------------------------------


def test_the_small_configuration_has_no_warning(minimal: str) -> None:
    """The other tests change one thing in a file that is right."""
    assert warnings_of(minimal) == []


def test_a_missing_meter_is_advised(changed: Changed) -> None:
    """Nothing is counted without `meter`: allowed, but told."""
    assert warnings_of(changed("  - filter: meter\n", "")) == [
        "8:1: warning: filters: tokens and cost are not counted. Add `- filter: meter`."
    ]


def test_a_route_that_chooses_nothing_is_told(changed: Changed) -> None:
    """Weights without the filter that reads them have no effect."""
    assert warnings_of(changed("  - filter: version\n", "")) == [
        "8:1: warning: filters: no filter chooses a version."
        " Add `- filter: version`, or weights and routing have no effect."
    ]


def test_a_pin_of_nobody_is_told(changed: Changed) -> None:
    """A header that nobody may use was perhaps meant for somebody; before `pin_teams` it was everybody's."""
    pins = "  tiny-chat:\n    pin_header: x-version\n"
    assert warnings_of(changed("  tiny-chat:\n", pins)) == [
        "3:5: warning: models.tiny-chat.pin_header: no team may choose a version with it."
        " Add `pin_teams: [TEAM]`, or remove it."
    ]
    assert warnings_of(changed("  tiny-chat:\n", f"{pins}    pin_teams: [testers]\n")) == []


def test_teams_that_no_header_names_may_be_listed(minimal: str) -> None:
    """`unknown` and `other` are what conditions see of them."""
    routes = "routes:\n  - { name: few, when: [{ teams: [unknown, other] }] }\n  - { name: default }\n"
    assert warnings_of(f"identity: {{ teams: [search] }}\n{routes}{minimal}") == []


def test_a_prompt_that_is_never_inserted_is_told(changed: Changed) -> None:
    """A version's prompt needs the filter `prompt`."""
    assert warnings_of(changed("weight: 1", "weight: 1\n        prompt: { file: p.txt }")) == [
        "6:17: warning: models.tiny-chat.versions.v1.prompt: the prompt is never inserted. Add `- filter: prompt`."
    ]


def test_a_server_copied_to_another_version_is_told(changed: Changed) -> None:
    """The same server and model behind two versions is as a rule a line that was copied and not changed."""
    second = """\
      v2:
        weight: 1
        endpoints: ["127.0.0.1:8001"]
        price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }
"""
    assert warnings_of(changed("filters:\n", second + "filters:\n")) == [
        "10:21: warning: models.tiny-chat.versions.v2.endpoints[0]: the same server and model as version"
        " `tiny-chat/v1`. That is correct only if the prompts differ; otherwise name the other server."
    ]


def test_two_adapters_on_one_server_are_two_models(changed: Changed) -> None:
    """One server with several served models (LoRA adapters) is no mistake."""
    second = """\
      v2:
        weight: 1
        served_model: tiny-chat-lora
        endpoints: ["127.0.0.1:8001"]
        price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }
"""
    assert warnings_of(changed("filters:\n", second + "filters:\n")) == []


@pytest.mark.parametrize(
    "path",
    [
        "/invocations",
        "/invocations/",
        "//invocations",
        "/%69nvocations",
        "/invocations?x=1",
        "/v1/chat/completions/batch",
        "/inference/v1/generate",
        "/tokenize",
        "/detokenize",
        "/generative_scoring",
        "/v1/chat/completions/render",
        "/v1/responses/render",
        "/v1/completions/derender",
        "/pooling",
        "/score",
        "/v1/score",
        "/rerank",
        "/v2/rerank",
        "/v2/embed",
    ],
)
def test_a_side_door_of_the_model_server_is_told(path: str, minimal: str) -> None:
    """Inference that no filter sees may be allowed, but never by accident, however its path is spelt."""
    (warning,) = warnings_of(f'requests: {{ allow_paths: ["POST {path}"] }}\n{minimal}')
    assert warning.startswith("1:27: warning: requests.allow_paths[0]: `/")
    assert "would be forwarded unguarded and unmetered" in warning


@pytest.mark.parametrize("path", ENDPOINT_PATHS.values())
def test_a_path_that_is_guarded_cannot_be_forwarded_unread(path: str, minimal: str) -> None:
    """Whichever API it is, and however it is spelt."""
    with pytest.raises(ConfigInvalid, match="is guarded, and cannot be forwarded unread as well"):
        load(f'requests: {{ allow_paths: ["POST {path}/"] }}\n{minimal}', "c.yaml")


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/metrics", "/version", "/v1/messages/count_tokens"])
def test_a_path_without_inference_is_allowed_in_silence(path: str, minimal: str) -> None:
    """Health and lists of models are no doors."""
    assert warnings_of(f'requests: {{ allow_paths: ["GET {path}"] }}\n{minimal}') == []


def test_warnings_are_told_beside_errors(changed: Changed) -> None:
    """Whoever mends the errors sees the advice too, in the order of the file."""
    text = changed("  - filter: meter\n", "").replace("on: both", "on: both\n      - guard: pii")
    with pytest.raises(ConfigInvalid) as refused:
        load(text, "c.yaml")
    assert [problem.severity for problem in refused.value.problems] == [Severity.WARNING, Severity.ERROR]


# --- what is right -------------------------------------------------------------------------------------------------


def test_a_guard_needs_no_weight_and_no_version_filter(changed: Changed) -> None:
    """Beside one model server the version is fixed."""
    text = changed("  - filter: version\n", "").replace("weight: 1", "weight: 0")
    assert warnings_of(f"role: guard\nguard_version: tiny-chat/v1\n{text}") == []


def test_a_pick_of_one_endpoint_is_told(changed: Changed) -> None:
    """It may be a test installation; with a second one it is picked from."""
    one = '        endpoints: ["127.0.0.1:8001"]\n'
    assert warnings_of(changed(one, f"{one}        pick: load\n")) == [
        "7:15: warning: models.tiny-chat.versions.v1.pick: there is one endpoint, so nothing is picked."
        " Name several, or remove `pick`."
    ]
    assert warnings_of(changed(one, '        endpoints: ["vllm:8001"]\n        pick: load\n')) == []
    two = '        endpoints: ["127.0.0.1:8001", "127.0.0.1:8002"]\n'
    assert warnings_of(changed(one, f"{two}        pick: load\n")) == []


def test_one_port_on_two_addresses_of_a_machine(minimal: str) -> None:
    """Two loopback addresses may share a port; a wildcard address shares with none."""
    text = f"server: {{ metrics: 127.0.0.2:9901 }}\nenvoy: {{ admin: 127.0.0.1:9901 }}\n{minimal}"
    assert warnings_of(text) == []
    with pytest.raises(ConfigInvalid, match="is taken"):
        load(text.replace("127.0.0.1:9901", "0.0.0.0:9901"), "c.yaml")


# --- Envoy ---------------------------------------------------------------------------------------------------------


def test_envoy_needs_a_model_server_for_each_version(changed: Changed) -> None:
    """`serve` runs without endpoints; the Envoy configuration cannot be written without them."""
    loaded = load(changed('        endpoints: ["127.0.0.1:8001"]\n', ""), "c.yaml")
    (problem,) = check_for_envoy(loaded.document, loaded.places)
    assert str(problem) == (
        "c.yaml:4:7: models.tiny-chat.versions.v1.endpoints: no model server."
        ' The Envoy configuration routes to it: add `endpoints: ["HOST:PORT"]`.'
    )


def test_envoy_beside_a_guard_needs_only_its_own_server(changed: Changed) -> None:
    """Versions that live elsewhere need no endpoint here."""
    second = "      v2: { weight: 1, price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 } }\n"
    text = changed("  - filter: version\n", "").replace("filters:\n", second + "filters:\n")
    own = load(f"role: guard\nguard_version: tiny-chat/v1\n{text}", "c.yaml")
    assert check_for_envoy(own.document, own.places) == []
    other = load(f"role: guard\nguard_version: tiny-chat/v2\n{text}", "c.yaml")
    assert len(check_for_envoy(other.document, other.places)) == 1


def test_the_envoy_that_is_generated_has_no_endpoint_picker(minimal: str) -> None:
    """So its header would be a client's, who would choose a server."""
    loaded = load(f"envoy: {{ endpoint_picker: true }}\n{minimal}", "c.yaml")
    (problem,) = check_for_envoy(loaded.document, loaded.places)
    assert str(problem) == (
        "c.yaml:1:27: envoy.endpoint_picker: the Envoy configuration that is generated has no endpoint picker."
        " With it, clients could choose a server themselves: remove it."
    )


# --- prompt files --------------------------------------------------------------------------------------------------

PATH = ("models", "tiny-chat", "versions", "v1", "prompt", "file")


@pytest.mark.parametrize("header", ["x-request-id", "authorization", "x-envoy-peer", "x-stainless-lang"])
def test_a_header_that_envoy_keeps_back_needs_a_new_envoy_configuration(minimal: str, header: str) -> None:
    """Read by a processor whose Envoy is as it was, it would be absent without a word."""
    (warning,) = warnings_of(minimal + f"identity: {{ team_header: {header} }}\n")
    assert "needs a new Envoy configuration" in warning
    assert "extproc envoy-config" in warning


def test_a_condition_that_says_nothing_is_told(changed: Changed) -> None:
    """An empty condition fits all exchanges: it may be meant, but as a rule a key was forgotten."""
    first = "policies:\n  - name: first\n    when: [{}]\n    guards: []\n"
    assert warnings_of(changed("policies:\n", first)) == [
        "14:12: warning: policies[first].when[0]: a condition without a key matches all exchanges."
        " Give it one of endpoints, teams, models, versions, or remove it."
    ]


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (
            ["{ name: tiny, of: tokens, limit: 10000, burst: 5, window: minute }"],
            "[tiny].burst: a burst of 5 is smaller than almost any request, so it always refuses. Raise it.",
        ),
        (
            ["{ name: heavy, of: weighted_tokens, limit: 50, window: minute, weights: { prompt: 9, completion: 4 } }"],
            "[heavy].limit: a burst of 50 is smaller than almost any request, so it always refuses. Raise it.",
        ),
        (
            ["{ name: money, of: micro_usd, limit: 5, window: day }"],
            "[money].limit: a burst of 5 is smaller than almost any request, so it always refuses. Raise it.",
        ),
        (
            [
                "{ name: wide, of: requests, limit: 100, window: minute }",
                "{ name: narrow, of: requests, limit: 1, window: second }",
            ],
            "[wide]: it never refuses: `narrow` always refuses before it.",
        ),
        (
            ["{ name: many, of: exchanges, limit: 9 }", "{ name: few, of: exchanges, limit: 8 }"],
            "[many]: it never refuses: `few` always refuses before it.",
        ),
        (
            ["{ name: vectors, of: completion_tokens, limit: 50, window: day, match: { endpoints: [embeddings] } }"],
            "[vectors]: it never refuses: these APIs generate no tokens.",
        ),
        (
            ["{ name: counts, of: tokens, limit: 50, window: minute, match: { endpoints: [count_tokens] } }"],
            "[counts]: it never refuses: `count_tokens` takes no tokens.",
        ),
    ],
)
def test_a_limit_that_always_or_never_refuses_is_told(minimal: str, limits: list[str], told: str) -> None:
    """It is perhaps a mistake in a number."""
    section = "".join(f"    - {limit}\n" for limit in limits)
    (warning,) = warnings_of(f"rate_limits:\n  limits:\n{section}{minimal}")
    assert told in warning.replace("warning: rate_limits.limits", "")


@pytest.mark.parametrize(
    "limits",
    [
        [
            "{ name: one, of: requests, limit: 1, window: second }",
            "{ name: two, of: requests, limit: 60, window: hour }",
        ],
        ["{ name: one, of: tokens, limit: 500, window: day }", "{ name: two, of: requests, limit: 5, window: day }"],
        ["{ name: one, of: exchanges, limit: 5 }", "{ name: two, of: exchanges, limit: 2, per: [team] }"],
        ["{ name: one, of: micro_usd, limit: 5000, window: day }"],
    ],
)
def test_limits_that_have_each_a_use_are_not_told(minimal: str, limits: list[str]) -> None:
    """A narrow one beside a wide one, of other things or with other counts."""
    section = "".join(f"    - {limit}\n" for limit in limits)
    assert warnings_of(f"rate_limits:\n  limits:\n{section}{minimal}") == []


def test_limits_of_tokens_need_a_meter(changed: Changed) -> None:
    """Else nothing is settled."""
    limits = "rate_limits: { limits: [{ name: one, of: tokens, limit: 500, window: minute }] }\n"
    warnings = warnings_of(limits + changed("  - filter: meter\n", ""))
    assert warnings[0] == (
        "1:1: warning: rate_limits: tokens are limited by what requests reserve, as nothing counts what they use."
        " Add `- filter: meter`."
    )


def test_envoy_must_ask_for_the_certificates_that_identify(minimal: str) -> None:
    """Without a CA it would tell of none; an Envoy that somebody else configures may."""
    callers = "identity: { sources: [{ source: client_certificate, callers: [{ san: a.example, team: a }] }] }"
    loaded = load(f"{callers}\n{minimal}", "c.yaml")
    (problem,) = check_for_envoy(loaded.document, loaded.places)
    assert str(problem) == (
        "c.yaml:1:23: identity.sources[0]: Envoy asks no client for a certificate."
        " Add `envoy.tls` with `client_ca_file`."
    )
    tls = "envoy: { tls: { certificate_file: /c, key_file: /k, client_ca_file: /ca } }"
    whole = load(f"{callers}\n{tls}\n{minimal}", "c.yaml")
    assert check_for_envoy(whole.document, whole.places) == []
