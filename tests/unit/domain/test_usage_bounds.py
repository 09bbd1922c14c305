"""Bounds on counts leave honest ones alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.usage import Usage
from extproc.domain.usage_bounds import UsageBounds


@given(
    st.builds(Usage, *[st.integers(0, 2**63)] * 4, st.booleans()),
    st.builds(UsageBounds, st.integers(0, 2**40), st.integers(0, 2**40)),
)
def test_what_fits_is_left_alone_and_what_does_not_fits_afterwards(usage: Usage, limits: UsageBounds) -> None:
    """Never more than was said, and an estimate as soon as it is less."""
    believed = limits.within(usage)
    assert limits.within(believed) is believed
    assert believed.prompt == min(usage.prompt, limits.prompt)
    assert believed.completion == min(usage.completion, limits.completion)
    assert believed.cached <= usage.cached
    assert believed is usage or believed.estimated
