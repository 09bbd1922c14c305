"""HTTPRoutes have names of their own, whatever versions are called, and no more rules than are allowed."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.document import Document
from extproc.envoy_config.envoy_gateway.place import gateway_place
from extproc.envoy_config.envoy_gateway.routes import RULES_MAX, http_routes, version_names
from extproc.envoy_config.names import cluster_names
from tests.thorough import examples
from tests.unit.envoy_config.envoy_gateway.test_place import PUBLIC
from tests.unit.envoy_config.istio.test_mesh import PROCESSOR, versions

NAMES = st.text("aA1._-/", min_size=1, max_size=12)
KEYS = st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=8, unique=True)
OBJECT_NAME = re.compile("[a-z0-9]([-a-z0-9]{0,251}[a-z0-9])?")


@given(KEYS)
@settings(max_examples=examples(100))
def test_every_version_has_a_name_that_kubernetes_takes(keys: list[tuple[str, str]]) -> None:
    """And none that another has, nor that of the route without a version."""
    clusters = tuple(cluster_names(tuple(keys)).values())
    names = list(version_names(clusters).values())
    assert len(set(names)) == len(keys)
    assert [name for name in names if not OBJECT_NAME.fullmatch(name)] == []
    assert not any(name == "llm-extproc" or "." in name for name in names)


def test_names_are_plain_where_they_can_be() -> None:
    """A name that two would have gets a checksum, whichever comes first."""
    assert version_names(("chat__v1", "chat__v2")) == {
        "chat__v1": "llm-extproc-chat-v1",
        "chat__v2": "llm-extproc-chat-v2",
    }
    clashing = version_names(("chat__v1", "Chat__V1"))
    assert clashing == version_names(("Chat__V1", "chat__v1"))
    assert all(re.fullmatch("llm-extproc-chat-v1-[0-9a-f]{8}", name) for name in clashing.values())


def test_a_route_has_so_many_rules_and_no_more(document: Callable[..., Document]) -> None:
    """Those of versions have one each; what passes unread is spread."""
    paths = [f"GET /page/{number}" for number in range(40)]
    made = document(models=versions(), envoy=PROCESSOR, requests={"allow_paths": paths})
    routes = http_routes(made, gateway_place(made, PUBLIC))
    counts = {name: len(spec["rules"]) for name, spec in routes.items()}
    assert counts == {
        "llm-extproc": RULES_MAX,
        "llm-extproc.2": RULES_MAX,
        "llm-extproc.3": 10,
        "llm-extproc-chat-v1": 1,
        "llm-extproc-chat-v2": 1,
    }
    exact = [rule["matches"][0]["path"]["value"] for spec in routes.values() for rule in spec["rules"]]
    assert {f"/page/{number}" for number in range(40)} <= set(exact)
