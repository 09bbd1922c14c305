"""The drawing of a fallback's path is what `python -m tests.docs.fallback_drawing` writes, and names what there is."""

from __future__ import annotations

import pytest

from extproc.envoy_config.names import EGRESS_FILTER_NAME, FILTER_NAME
from tests.docs.fallback_drawing import DRAWING, NAMES, Message, drawn, messages, room_for
from tests.docs.pages import DOCS, README, links

CHARACTER = 7.5
"""A wide one. [pixels]"""
SHIPPED = DOCS.parent / "envoy" / "fallback.yaml"


def test_the_drawing_is_what_is_written() -> None:
    """A name of Envoy's configuration that changes asks for a new drawing."""
    assert drawn() == DRAWING.read_text()


def test_its_names_are_those_of_a_shipped_configuration() -> None:
    """Filters and internal listeners."""
    written = SHIPPED.read_text()
    assert [
        name for name in (FILTER_NAME, EGRESS_FILTER_NAME, *NAMES.values()) if f"name: {name}\n" not in written
    ] == []


@pytest.mark.parametrize("one", messages(), ids=lambda one: one.text)
def test_every_text_fits_between_the_lines(one: Message) -> None:
    """In the reader's font, which is not known."""
    begin, end = room_for(one)
    assert len(one.text) * CHARACTER <= end - begin


def test_pages_show_it() -> None:
    """Where fallbacks are described, and at the entrance."""
    for page in (README, DOCS / "routing-and-metering.md"):
        assert DRAWING in {target for target, _ in links(page)}
