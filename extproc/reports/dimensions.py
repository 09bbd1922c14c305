"""By what a report can group entries, and which it can leave out."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DIMENSIONS_MAX: Final = 8
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "team": ("team",),
    "project": ("project",),
    "budget_code": ("budget_code",),
    "tier": ("tier",),
    "use_case": ("use_case",),
    "user": ("user_id",),
    "key": ("key_id",),
    "endpoint": ("endpoint",),
    "route": ("route",),
    "policy": ("policy",),
    "model_asked": ("model_asked",),
    "model": ("model",),
    "version": ("model", "version"),
    "fingerprint": ("fingerprint",),
    "prompt": ("prompt",),
    "server": ("server",),
    "outcome": ("outcome",),
    "status": ("status",),
    "reason": ("reason",),
}
DIMENSIONS: Final = tuple(_COLUMNS)


class BadDimension(ValueError):
    """A name that no entry can be grouped by. The message lists those that there are."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """``columns``: of the ledger; the values of several are joined with ``/``."""

    name: str
    columns: tuple[str, ...]

    def value_of(self, stored: Sequence[object]) -> str:
        """The value of an entry, or of a group; empty: it has none."""
        written = ["" if one is None else str(one) for one in stored]
        return "/".join(written) if any(written) else ""


def dimension_of(name: str) -> Dimension:
    """A dimension by its name. Raises: BadDimension."""
    if name in _COLUMNS:
        return Dimension(name, _COLUMNS[name])
    near = difflib.get_close_matches(name, DIMENSIONS, n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    raise BadDimension(f"there is no `{name[:40]}` to group by.{hint} There are: {', '.join(DIMENSIONS)}")


def dimensions_of(written: str) -> tuple[Dimension, ...]:
    """Several, with commas between them; a name that is repeated counts once. Raises: BadDimension."""
    names = dict.fromkeys(name.strip() for name in written.split(",") if name.strip())
    if len(names) > DIMENSIONS_MAX:
        raise BadDimension(f"a report groups by {DIMENSIONS_MAX} names at most")
    return tuple(dimension_of(name) for name in names)
