"""What an Envoy states of its versions is found wherever it stands."""

from __future__ import annotations

from collections.abc import Callable

from extproc.config.document import Document
from extproc.config.routed import unknown_to
from extproc.envoy_config.generate import bootstrap
from extproc.envoy_config.stated_routes import statements, versions_as_routed


def test_a_statement_is_that_of_the_routes_or_of_the_filter(document: Callable[..., Document]) -> None:
    """In the virtual host where the routes are ours; a placeholder is none."""
    (stated,) = statements(bootstrap(document()))
    assert stated.startswith("chat/v1=")
    by_filter = {"initial_metadata": [{"key": "x-llm-routes", "value": stated}, {"key": "x-llm-hop", "value": "a"}]}
    assert list(statements([by_filter])) == [stated]
    assert list(statements({"llm.extproc": {"routes": 1}, "key": "x-llm-routes", "value": None})) == []


def test_what_is_generated_is_known(document: Callable[..., Document]) -> None:
    """All versions with their endpoints."""
    (stated,) = statements(bootstrap(document()))
    assert unknown_to(stated, versions_as_routed(document())).keys == ()
