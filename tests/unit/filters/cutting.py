"""Texts, and every way of cutting them into pieces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from extproc.domain.text import Stage


@st.composite
def cut(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> list[str]:
    """A text in pieces."""
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


def through(stage: Stage, pieces: list[str]) -> str:
    """All that a stage releases of a text, up to where it rejects."""
    released = ""
    for piece in pieces:
        released += stage.feed(piece)
        if stage.rejected:
            return released
    return released + stage.close()
