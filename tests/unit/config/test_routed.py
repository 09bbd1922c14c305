"""What Envoy states of its routes is read as it was written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.config.document import Version
from extproc.config.routed import endpoints_hash, parse_statement, route_statement

NAMES = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._/-]{0,20}", fullmatch=True)
PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}


def version(*endpoints: str) -> Version:
    """A version on these servers."""
    return Version.model_validate({"weight": 1, "price": PRICE, "endpoints": endpoints}, strict=False)


@given(st.dictionaries(st.tuples(NAMES, NAMES), st.lists(st.sampled_from(["a:1", "b:2", "c:3"]), unique=True)))
def test_a_statement_is_read_as_written(endpoints: dict[tuple[str, str], list[str]]) -> None:
    """Each version with the hash of its endpoints; names may hold slashes."""
    versions = {key: version(*each) for key, each in endpoints.items()}
    expected = {f"{model}/{name}": endpoints_hash(each) for (model, name), each in versions.items()}
    assert parse_statement(route_statement(versions)) == expected


@given(st.text())
def test_anything_can_be_read(text: str) -> None:
    """Whatever a peer sends; what is no entry names no version."""
    assert all("=" not in name and "," not in name for name in parse_statement(text))


def test_what_is_no_entry_is_skipped() -> None:
    """The others count."""
    assert parse_statement("a/b=1,,c/d,e/f=2") == {"a/b": "1", "e/f": "2"}


def test_the_order_of_endpoints_makes_no_difference() -> None:
    """Only which there are."""
    assert endpoints_hash(version("a:1", "b:2")) == endpoints_hash(version("b:2", "a:1"))
    assert endpoints_hash(version("a:1")) != endpoints_hash(version("a:1", "b:2"))
