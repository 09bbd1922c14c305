"""Which headers reach the processor: all that it reads, and no credentials."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.config.document import Document
from extproc.envoy_config.generate import bootstrap
from extproc.exchange.request import STEERING_HEADERS

READ = {":path", ":method", ":status", "content-type", "content-encoding", "content-length", "accept-encoding"}
CREDENTIALS = {"authorization", "x-api-key", "api-key", "cookie", "set-cookie", "proxy-authorization"}


def kept_back(document: Document) -> Callable[[str], bool]:
    """What Envoy makes of the rules that are generated."""
    manager = bootstrap(document)["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    processor, _ = manager["http_filters"]
    patterns = processor["typed_config"]["extension_config"]["typed_config"]["forward_rules"]["disallowed_headers"][
        "patterns"
    ]

    def matches(header: str) -> bool:
        return any(header == each.get("exact") or header.startswith(each.get("prefix", "\0")) for each in patterns)

    return matches


def test_what_is_read_reaches_the_processor(document: Callable[..., Document]) -> None:
    """Of the protocol, of identity, what must be removed, and what tells which version served."""
    keeps = kept_back(document())
    identity = {"x-team", "x-project", "x-budget-code", "x-tier", "x-use-case"}
    wanted = {*READ, *STEERING_HEADERS, *identity, "x-llm-version", "x-llm-served-version"}
    assert [header for header in wanted if keeps(header)] == []


def test_credentials_stay_in_envoy(document: Callable[..., Document]) -> None:
    """The processor can neither log nor lose what it never gets."""
    keeps = kept_back(document())
    assert [header for header in CREDENTIALS if not keeps(header)] == []


@pytest.mark.parametrize("header", ["x-request-id", "authorization", "x-envoy-peer", "x-stainless-lang"])
@pytest.mark.parametrize("reader", ["team", "sticky", "pin", "route"])
def test_a_header_that_the_configuration_names_reaches_the_processor(
    document: Callable[..., Document], header: str, reader: str
) -> None:
    """Whoever reads it."""
    data = document().model_dump(mode="json", exclude_unset=True)
    if reader == "team":
        data["identity"] = {"team_header": header}
    elif reader == "route":
        data["routes"] = [{"name": "few", "when": [{"headers": {header: ["on"]}}]}, {"name": "default"}]
    else:
        data["models"]["chat"] |= {"sticky": {"header": header}} if reader == "sticky" else {"pin_header": header}
    assert not kept_back(document(**data))(header)
