"""What an Envoy states is compared with the configuration in force, and told for as long as such an Envoy calls."""

from __future__ import annotations

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.exchange.snapshot import Snapshot
from extproc.server.transport import envoy_routes
from extproc.server.transport.envoy_routes import EnvoyRoutes
from tests.playbooks.driver import VERSION, snapshot_of
from tests.unit.server.envoy import request_body, request_headers
from tests.unit.server.fakes import Wired

PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}


def snapshot(**endpoints: str) -> Snapshot:
    """One model with these versions, each at one endpoint."""
    versions = {name: {"weight": 1, "price": PRICE, "endpoints": [at]} for name, at in endpoints.items()}
    return snapshot_of(VERSION, models={"tiny": {"versions": versions}})


def stated(compiled: Snapshot) -> bytes:
    """What an Envoy states that has the routes of this configuration."""
    return ",".join(f"{one.name}={one.endpoints_hash}" for one in compiled.models["tiny"].versions).encode()


OLD, NEW = snapshot(a="h:1", b="h:2"), snapshot(a="h:1", b="h:3", c="h:4")


def test_an_envoy_that_knows_all_routes_all() -> None:
    """And nothing is told."""
    routes = EnvoyRoutes(NEW)
    assert routes.unrouted(stated(NEW)) == frozenset()
    assert routes.stale() == []


def test_an_older_envoy_does_not_route_what_is_new() -> None:
    """A version with other endpoints is routed, to the old ones: both are told, with their keys."""
    routes = EnvoyRoutes(NEW)
    assert routes.unrouted(stated(OLD)) == {"tiny/c"}
    assert routes.stale() == ["models.tiny.versions.b.endpoints", "models.tiny.versions.c"]


def test_an_envoy_may_know_more() -> None:
    """A removed version is chosen no longer."""
    assert EnvoyRoutes(OLD).unrouted(stated(NEW)) == frozenset()


def test_an_envoy_that_states_nothing_counts_as_current() -> None:
    """Its configuration was written by hand, or by an older version of ours."""
    routes = EnvoyRoutes(NEW)
    assert routes.unrouted(b"") == frozenset()
    assert routes.stale() == []


def test_only_envoys_that_call_are_told_of() -> None:
    """One that has the new routes by now states something else; without calls nothing is known."""
    routes = EnvoyRoutes(NEW)
    assert routes.stale() is None
    routes.unrouted(stated(OLD))
    assert routes.stale() != []
    routes.unrouted(stated(NEW))
    assert routes.stale() == []
    assert routes.stale() is None


def test_with_two_envoys_each_gets_what_it_routes() -> None:
    """And both count for what is told."""
    routes = EnvoyRoutes(NEW)
    assert [routes.unrouted(stated(one)) for one in (OLD, NEW, OLD)] == [{"tiny/c"}, set(), {"tiny/c"}]
    assert routes.stale() == ["models.tiny.versions.b.endpoints", "models.tiny.versions.c"]


def test_another_configuration_is_compared_anew() -> None:
    """The same statement may be right for it."""
    routes = EnvoyRoutes(NEW)
    routes.unrouted(stated(OLD))
    routes.use(OLD)
    assert routes.stale() is None
    assert routes.unrouted(stated(OLD)) == frozenset()


def test_statements_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that states something else in each call costs no memory."""
    monkeypatch.setattr(envoy_routes, "STATEMENTS_MAX", 4)
    routes = EnvoyRoutes(NEW)
    for number in range(20):
        assert routes.unrouted(b"tiny/a=%d" % number) == {"tiny/b", "tiny/c"}
        assert len(routes._statements) <= 4


@pytest.mark.parametrize("bad", [b"\xff\xfe", b",,,", b"=", b"tiny", b"tiny/a"])
def test_a_statement_that_is_none_routes_nothing(bad: bytes) -> None:
    """Fail closed: no version is drawn of which Envoy has said nothing."""
    assert EnvoyRoutes(NEW).unrouted(bad) == {"tiny/a", "tiny/b", "tiny/c"}


def test_a_session_uses_what_its_call_states() -> None:
    """A version that this Envoy does not route is not chosen, from the first exchange after a reload on."""
    wired = Wired(OLD)
    wired.processor.snapshot = snapshot_of(
        VERSION,
        models={
            "tiny-chat": {
                "versions": {
                    "a": {"weight": 1, "price": PRICE, "endpoints": ["h:1"]},
                    "new": {"weight": 1_000_000, "price": PRICE, "endpoints": ["h:2"]},
                }
            }
        },
    )
    for routes, version in ((b"tiny-chat/a=1", "a"), (b"tiny-chat/a=1,tiny-chat/new=2", "new"), (b"", "new")):
        session = wired.processor.open(routes)
        for message in (request_headers(), request_body()):
            replies = session.receive(message.SerializeToString())
        reply = pb.ProcessingResponse.FromString(replies.messages[0])
        headers = reply.request_body.response.header_mutation.set_headers
        assert {one.header.key: one.header.raw_value.decode() for one in headers}["x-llm-version"] == version
        session.closed()
