"""Rollouts to try those who serve with."""

from __future__ import annotations

from typing import Any

from extproc.domain.rollouts import RolloutShare

_SHARE = RolloutShare(
    id="ro-1",
    model="tiny",
    stable="a",
    canary="b",
    stable_fingerprint="",
    canary_fingerprint="",
    stable_weight=None,
    canary_weight=None,
    teams=(),
    step=1,
    share=0.5,
    measures=True,
    by_mesh=False,
)


def share_of(**changed: Any) -> RolloutShare:
    """Half of the units of ``tiny`` go from ``a`` to ``b``, with some fields changed."""
    return _SHARE._replace(**changed)
