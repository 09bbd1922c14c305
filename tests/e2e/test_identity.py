"""Who asks, through the real Envoy: keys, tokens, certificates and trusted hops, and what clients claim beyond them."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

import anthropic
import openai
import pytest

from extproc.demo.model_server import ModelServer
from extproc.domain.api_keys import hash_of, key_of
from extproc.domain.identity import user_hash
from extproc.exchange.hop_source import signed_text
from tests.e2e.harness import Answer, Stack, curl, free_ports, require_envoy, wait_until
from tests.e2e.official import anthropic_of, openai_of
from tests.e2e.tokens import HOUR_S, ISSUER, Issuer, unsigned
from tests.quiet_server import QuietServer
from tests.unit.server.authority import Authority

SEARCH, ATLAS, EXPIRED, STRANGER = (key_of(bytes([number]) * 32) for number in range(4))
KEYS = f"""\
keys:
  - {{ id: search-1, hash: "{hash_of(SEARCH)}", team: search, may_claim: {{ projects: [index] }} }}
  - {{ id: atlas-1, hash: "{hash_of(ATLAS)}", team: atlas, project: maps, budget_code: b-7, tier: gold }}
  - {{ id: old-1, hash: "{hash_of(EXPIRED)}", team: search, expires: "2020-01-01T00:00:00Z" }}
"""
API_KEY: dict[str, Any] = {"source": "api_key", "file": "keys.yaml"}
HOP_KEY, USER_KEY = b"the key of the hop", b"the key of the users"
ASK: dict[str, Any] = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Good morning"}]}
CHAT = "/v1/chat/completions"
ANN = user_hash("ann@example.org", USER_KEY)


class Gateway:
    """An installation in which requests need credentials, and what it says of them."""

    def __init__(self, stack: Stack, issuer: Issuer, hop: str = "") -> None:
        self.stack, self.issuer, self.hop = stack, issuer, hop

    def ask(
        self, *headers: str, body: Any = ASK, path: str = CHAT, url: str = "", options: tuple[str, ...] = ()
    ) -> Answer:
        """One request with some headers."""
        sent = [option for header in headers for option in ("-H", header)]
        content = json.dumps(body).encode()
        return curl((url or self.stack.base_url) + CHAT, *sent, *options, body=content)

    def line(self, answer: Answer) -> dict[str, Any]:
        """The processor's line of an exchange."""
        return self.line_of(answer.headers["x-llm-exchange-id"])

    def line_of(self, exchange: str) -> dict[str, Any]:
        """Likewise, by its id."""
        found = wait_until(lambda: [one for one in self._lines() if one.get("exchange") == exchange], "its line")
        return found[0]

    def _lines(self) -> list[dict[str, Any]]:
        lines = (self.stack.directory / "processor.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def seen(self) -> Any:
        """The last request that a model server got."""
        return max((seen for model in self.stack.models.values() for seen in model.seen), key=lambda one: one.at)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The demo with every source but certificates; each attempt of its fallback is a second call."""
    require_envoy()
    directory, issuer = tmp_path_factory.mktemp("identity"), Issuer()
    (directory / "keys.yaml").write_text(KEYS)
    (directory / "hop.key").write_bytes(HOP_KEY)
    (directory / "users.key").write_bytes(USER_KEY)
    (directory / "jwks.json").write_text(issuer.jwks())
    (directory / "prompts").mkdir()
    (directory / "prompts" / "who-v1.md").write_text(
        "---\nnotes: Who asks.\n---\nYou work for {{ team }} on {{ project }}.\n"
    )
    (port,) = free_ports(1)

    def change(data: dict[str, Any]) -> None:
        jwt = {
            "source": "jwt",
            "issuer": ISSUER,
            "audiences": ["llm"],
            "jwks_file": str(directory / "jwks.json"),
            "claims": {"team": "team", "project": "project", "user": "sub"},
        }
        data["identity"] = {
            "sources": [
                {**API_KEY, "file": str(directory / "keys.yaml")},
                jwt,
                {"source": "trusted_hop", "user_header": "x-user"},
            ],
            "claims": "refuse",
            "trusted_hops": [
                {"hop": "signed", "key_file": str(directory / "hop.key")},
                {"hop": "listener", "listen": f"127.0.0.1:{port}"},
            ],
            "user_hash_key_file": str(directory / "users.key"),
        }
        data["server"]["reload_interval_ms"] = 50
        data["models"]["tiny-chat"]["fallback"] = {"to": ["v1", "v2"]}
        for version in data["models"]["tiny-chat"]["versions"].values():
            version["prompt"] = {"name": "who", "version": "v1"}
        data["prompts"] = {"folder": str(directory / "prompts")}

    with Stack(directory, change=change) as running:
        yield Gateway(running, issuer, f"http://127.0.0.1:{port}")


def bearer(token: str, word: str = "Bearer") -> str:
    """The header of a key or a token."""
    return f"authorization: {word} {token}"


# --- keys ----------------------------------------------------------------------------------------------------------


def test_the_official_clients_are_known_by_their_keys(gateway: Gateway) -> None:
    """In the header of each API; the model server gets no key, and the prompt is that of the team."""
    url = gateway.stack.base_url
    chat = openai_of(url).with_options(api_key=ATLAS).chat.completions.with_raw_response.create(**ASK)
    line = gateway.line_of(chat.headers["x-llm-exchange-id"])
    assert (line["team"], line["project"], line["budget_code"], line["tier"]) == ("atlas", "maps", "b-7", "gold")
    assert (line["key_id"], line["identity_source"]) == ("atlas-1", "api_key")
    assert gateway.seen().request.document["messages"][0]["content"].startswith("You work for atlas on maps.")
    assert not {"authorization", "x-api-key", "x-llm-identity"} & {name for name, _ in gateway.seen().headers}
    claude = anthropic_of(url).with_options(api_key=SEARCH)
    message = claude.messages.with_raw_response.create(**ASK, max_tokens=64)
    line = gateway.line_of(message.headers["x-llm-exchange-id"])
    assert (line["team"], line["project"], line["key_id"]) == ("search", "unknown", "search-1")
    assert not {"authorization", "x-api-key", "x-llm-identity"} & {name for name, _ in gateway.seen().headers}


def test_a_wrong_key_is_an_error_that_both_clients_know(gateway: Gateway) -> None:
    """401, in the shape of the API; also for a key that has expired."""
    url = gateway.stack.base_url
    for key in (STRANGER, EXPIRED, "sk-none", SEARCH[:-1] + "x"):
        with pytest.raises(openai.AuthenticationError) as refused:
            openai_of(url).with_options(api_key=key).chat.completions.create(**ASK)
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(anthropic.AuthenticationError) as told:
            anthropic_of(url).with_options(api_key=key).messages.create(**ASK, max_tokens=64)
        assert json.loads(told.value.response.text)["error"]["type"] == "authentication_error"
    with pytest.raises(openai.PermissionDeniedError) as forbidden:
        openai_of(url).with_options(api_key=SEARCH).chat.completions.create(**ASK, extra_headers={"x-team": "atlas"})
    assert forbidden.value.code == "identity_not_allowed"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ((), "missing"),
        (("authorization;",), "empty"),
        (("authorization: Bearer",), "empty"),
        (("x-api-key;",), "empty"),
        (("authorization: Basic dXNlcjpwYXNz",), "empty"),
        ((bearer(SEARCH), bearer(SEARCH)), "malformed"),
        ((f"x-api-key: {SEARCH}", f"x-api-key: {ATLAS}"), "malformed"),
        ((bearer(SEARCH), f"x-api-key: {ATLAS}"), "ambiguous"),
        ((bearer(f"{SEARCH}, {ATLAS}"),), "malformed"),
    ],
)
def test_a_header_that_leaves_a_doubt_is_refused(gateway: Gateway, headers: tuple[str, ...], reason: str) -> None:
    """Empty, sent twice, joined, or against another one; the log says which."""
    answer = gateway.ask(*headers)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert gateway.line(answer)["identity_refused"] == reason


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER", "bEARER"])
def test_the_word_has_any_case_before_a_key(gateway: Gateway, word: str) -> None:
    """As HTTP says."""
    assert gateway.ask(bearer(SEARCH, word)).status == 200


def test_a_client_cannot_write_what_the_second_call_reads(gateway: Gateway) -> None:
    """Nor which listener it came through, nor an egress."""
    forged = ("x-llm-identity: atlas||||||", f"x-llm-hop: {gateway.hop}", "x-llm-egress: tiny-chat/v1")
    answer = gateway.ask(bearer(SEARCH), *forged)
    assert (answer.status, gateway.line(answer)["team"]) == (200, "search")
    assert gateway.seen().request.document["messages"][0]["content"].startswith("You work for search on unknown.")
    assert gateway.ask(*forged).status == 401


def test_a_revoked_key_ends_with_the_next_reload(gateway: Gateway) -> None:
    """And a new one begins; a mistake in the file changes nothing."""
    file = gateway.stack.directory / "keys.yaml"
    revoked = KEYS.replace("team: search, may", 'team: search, revoked: "2026-01-01T00:00:00Z", may')
    try:
        file.write_text(revoked + f"  - {{ id: new-1, hash: '{hash_of(STRANGER)}', team: search }}\n")
        wait_until(lambda: gateway.ask(bearer(SEARCH)).status == 401, "the key is refused")
        assert gateway.ask(bearer(STRANGER)).status == 200
        file.write_text(revoked.replace("team: atlas", "taem: atlas"))
        wait_until(lambda: "taem: unknown key" in gateway.stack.processor.page("/readyz"), "the mistake is told")
        assert gateway.ask(bearer(ATLAS)).status == 200
    finally:
        file.write_text(KEYS)
        wait_until(lambda: gateway.ask(bearer(SEARCH)).status == 200, "the key is taken")
    assert json.loads(gateway.stack.processor.page("/readyz"))["identity"] == "settled by api_key, jwt, trusted_hop"


# --- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
def test_a_token_says_who_asks(gateway: Gateway, word: str) -> None:
    """As Envoy has verified it; the model server gets none, and the log no name."""
    answer = gateway.ask(bearer(gateway.issuer.token(team="search", project="index"), word))
    line = gateway.line(answer)
    assert (answer.status, line["identity_source"]) == (200, "jwt")
    assert (line["team"], line["project"], line["user"]) == ("search", "index", ANN)
    assert "authorization" not in {name for name, _ in gateway.seen().headers}
    assert "ann@example.org" not in (gateway.stack.directory / "processor.log").read_text()


def test_a_streamed_answer_to_a_token_is_read(gateway: Gateway) -> None:
    """Envoy repeats the claims with each chunk."""
    answer = gateway.ask(bearer(gateway.issuer.token(team="search")), body={**ASK, "stream": True})
    assert answer.body.endswith(b"data: [DONE]\n\n")
    line = gateway.line(answer)
    assert (line["team"], line["outcome"]) == ("search", "completed")


def test_a_wrong_token_is_refused_with_its_reason(gateway: Gateway) -> None:
    """In the shape of each API; none of them is taken for a key, or for nobody."""
    issuer = gateway.issuer
    for token, reason in (
        (issuer.token(team="search", lasts_s=-HOUR_S), "expired"),
        (issuer.token(team="search", begins_s=HOUR_S, lasts_s=2 * HOUR_S), "not_yet_valid"),
        (issuer.token(team="search", exp=None), "unverified"),
        (issuer.token(team="search", aud="other"), "not_for_us"),
        (issuer.token(team="search", aud=None), "not_for_us"),
        (issuer.token(team="search", iss="https://other.example"), "not_for_us"),
        (Issuer().token(team="search"), "unverified"),
        (unsigned(issuer.token(team="search")), "unverified"),
        (issuer.token(team="search")[:-4] + "AAAA", "unverified"),
        ("a.b.c", "unverified"),
        ("..", "unverified"),
        (issuer.token(), "unusable_claim"),
        (issuer.token(team="x" * 10_000), "unusable_claim"),
        (issuer.token(team="=cmd()"), "unusable_claim"),
        (issuer.token(team="a\nb"), "unusable_claim"),
        (issuer.token(team=["search", "atlas"]), "unusable_claim"),
    ):
        answer = gateway.ask(bearer(token))
        line = gateway.line(answer)
        assert (answer.status, line["identity_source"], line["identity_refused"]) == (401, "jwt", reason)
        assert answer.document["error"]["code"] == "invalid_api_key"


def test_a_token_sent_twice_is_no_token(gateway: Gateway) -> None:
    """Whichever Envoy would look at."""
    one, other = gateway.issuer.token(team="search"), gateway.issuer.token(team="atlas")
    assert gateway.ask(bearer(one), bearer(other)).status == 401
    assert gateway.ask(bearer(f"{one},{other}")).status == 401


# --- trusted hops --------------------------------------------------------------------------------------------------


def signed(*headers: str, key: bytes = HOP_KEY, method: str = "POST", age_s: int = 0) -> tuple[str, ...]:
    """These headers, and what the trusted hop adds."""
    pairs = {":method": method, ":path": CHAT, **dict(header.split(": ", 1) for header in headers)}
    names = ("x-team", "x-project", "x-budget-code", "x-tier", "x-user")
    now_s = int(time.time()) - age_s
    digest = hmac.digest(key, signed_text(now_s, pairs, names), "sha256").hex()
    return (*headers, f"x-identity-signature: t={now_s},v1={digest}")


def test_a_hop_that_signs_is_believed(gateway: Gateway) -> None:
    """What it signs, for a time."""
    said = ("x-team: atlas", "x-project: maps", "x-user: ann@example.org")
    answer = gateway.ask(*signed(*said))
    line = gateway.line(answer)
    assert (line["team"], line["project"], line["user"]) == ("atlas", "maps", ANN)
    assert line["identity_source"] == "trusted_hop"
    assert not {"x-user", "x-identity-signature"} & {name for name, _ in gateway.seen().headers}
    for wrong in (signed(*said, key=b"another key here"), signed(*said, age_s=120), (*signed(*said), "x-team: hr")):
        assert gateway.ask(*wrong).status == 401


def test_a_hop_with_a_listener_is_believed(gateway: Gateway) -> None:
    """There alone; without a team it needs another credential."""
    line = gateway.line(gateway.ask("x-team: atlas", url=gateway.hop))
    assert (line["team"], line["identity_source"]) == ("atlas", "trusted_hop")
    assert gateway.ask("x-team: atlas").status == 401
    assert gateway.ask(url=gateway.hop).status == 401
    assert gateway.line(gateway.ask(bearer(SEARCH), url=gateway.hop))["team"] == "search"


# --- several processes, providers, keys of an issuer that are fetched ----------------------------------------------


class _Keys(BaseHTTPRequestHandler):
    """A page with the public keys of an issuer."""

    jwks = ""

    def do_GET(self) -> None:
        """Whatever the path."""
        content = self.jwks.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def test_a_provider_gets_its_own_key_and_no_text_of_a_private_team(tmp_path: Path) -> None:
    """Whatever a client claims; with two workers, and with keys of an issuer that Envoy fetches or cannot."""
    require_envoy()
    issuer = Issuer()
    handler = type("Keys", (_Keys,), {"jwks": issuer.jwks()})
    pages = QuietServer(("127.0.0.1", 0), handler)
    (dead,) = free_ports(1)
    (tmp_path / "keys.yaml").write_text(KEYS)
    (tmp_path / "cloud.key").write_text("sk-cloud-of-the-operator\n")

    def change(data: dict[str, Any]) -> None:
        jwt = {"source": "jwt", "audiences": ["llm"], "claims": {"team": "team"}}
        data["identity"] = {
            "sources": [
                {**API_KEY, "file": str(tmp_path / "keys.yaml")},
                {**jwt, "issuer": ISSUER, "jwks_uri": f"http://127.0.0.1:{pages.server_address[1]}/keys"},
                {**jwt, "issuer": "https://dead.example", "jwks_uri": f"http://127.0.0.1:{dead}/keys"},
            ],
            "claims": "replace",
            "private_teams": ["atlas"],
        }
        data["server"]["workers"] = 2
        data["providers"] = {
            "cloud": {"url": f"http://127.0.0.1:{far.port}/v1", "key_file": str(tmp_path / "cloud.key")}
        }
        price = data["models"]["tiny-chat"]["versions"]["v1"]["price"]
        version = {"weight": 1, "provider": "cloud", "served_model": "cloud-model", "price": price}
        data["models"]["far"] = {"versions": {"v1": version}}

    reading = Thread(target=pages.serve_forever)
    reading.start()
    far = ModelServer("far", speed=0)
    try:
        with far, Stack(tmp_path, change=change) as running:
            gateway, ask = Gateway(running, issuer), {**ASK, "model": "far"}
            for headers in (
                (bearer(SEARCH),),
                (bearer(SEARCH), "x-team: atlas"),
                (bearer(issuer.token(team="search")),),
            ):
                answer = gateway.ask(*headers, body=ask)
                assert (answer.status, gateway.line(answer)["team"]) == (200, "search")
                left = {
                    name: value
                    for name, value in far.seen[-1].headers
                    if name in ("authorization", "x-api-key", "x-team")
                }
                assert left == {"authorization": "Bearer sk-cloud-of-the-operator"}
            for headers in ((bearer(ATLAS),), (bearer(ATLAS), "x-team: search"), (bearer(issuer.token(team="atlas")),)):
                answer = gateway.ask(*headers, body=ask)
                assert (answer.status, answer.document["error"]["code"]) == (403, "provider_forbidden")
            late = gateway.ask(bearer(issuer.token(team="search", iss="https://dead.example")))
            assert (late.status, late.document["error"]["code"]) == (503, "identity_unavailable")
    finally:
        pages.shutdown()
        reading.join()


# --- certificates --------------------------------------------------------------------------------------------------


def test_a_certificate_says_who_asks(tmp_path: Path) -> None:
    """As Envoy has verified it, and not as a client says; without one, the next source is asked."""
    require_envoy()
    servers, clients, others = Authority(), Authority(), Authority()
    servers.issue("localhost", "127.0.0.1").write(tmp_path, "server")
    clients.issue("search.example").write(tmp_path, "search")
    clients.issue("nobody.example").write(tmp_path, "nobody")
    others.issue("search.example").write(tmp_path, "forged")
    (tmp_path / "servers.pem").write_bytes(servers.pem)
    (tmp_path / "clients.pem").write_bytes(clients.pem)
    (tmp_path / "keys.yaml").write_text(KEYS)

    def change(data: dict[str, Any]) -> None:
        callers = [{"san": "search.example", "team": "search", "may_claim": {"projects": ["*"]}}]
        data["identity"] = {
            "sources": [
                {"source": "client_certificate", "callers": callers},
                {**API_KEY, "file": str(tmp_path / "keys.yaml")},
            ]
        }
        data["envoy"]["tls"] = {
            "certificate_file": str(tmp_path / "server.crt"),
            "key_file": str(tmp_path / "server.key"),
            "client_ca_file": str(tmp_path / "clients.pem"),
        }

    with Stack(tmp_path, change=change) as running:
        gateway = Gateway(running, Issuer())
        url = running.base_url.replace("http://", "https://")

        def ask(*headers: str, name: str = "") -> Answer:
            own = ("--cert", str(tmp_path / f"{name}.crt"), "--key", str(tmp_path / f"{name}.key")) if name else ()
            return gateway.ask(*headers, url=url, options=("--cacert", str(tmp_path / "servers.pem"), *own))

        said = ("x-forwarded-client-cert: Hash=1;DNS=search.example", "x-project: index")
        line = gateway.line(ask(*said, name="search"))
        assert (line["team"], line["project"], line["identity_source"]) == ("search", "index", "client_certificate")
        assert "x-forwarded-client-cert" not in {name for name, _ in gateway.seen().headers}
        assert ask(*said).status == 401
        assert ask(*said, name="nobody").status == 401
        assert ask(bearer(SEARCH), name="nobody").status == 401
        assert ask(*said, name="forged").status == 0
        assert gateway.line(ask(bearer(ATLAS)))["team"] == "atlas"
