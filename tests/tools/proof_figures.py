"""Figures that a proof prints: with a target, or none where they show what is not promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST: Final = "<="
LEAST: Final = ">="


@dataclass(frozen=True, slots=True)
class ProofFigure:
    """``runs``: how many simulated runs it is of. ``says``: what it is, for people."""

    name: str
    says: str
    found: float
    runs: int
    target: float | None = None
    bound: str = MOST

    @property
    def met(self) -> bool | None:
        """None: there is no target."""
        if self.target is None:
            return None
        return self.found <= self.target if self.bound == MOST else self.found >= self.target

    def as_json(self) -> dict[str, Any]:
        """Flat: by its name."""
        return {self.name: self.found}


def row(figure: ProofFigure) -> str:
    """A line of the table."""
    target = "-" if figure.target is None else f"{figure.bound} {figure.target:g}"
    verdict = {True: "met", False: "MISSED", None: "measured"}[figure.met]
    return f"{figure.name:<60}{figure.says:<80}{target:>8}{figure.found:>9.4f}{figure.runs:>8,}  {verdict}"


def heading() -> str:
    """Of the table."""
    return f"{'figure':<60}{'':<80}{'target':>8}{'found':>9}{'runs':>8}"


def as_json(figures: Sequence[ProofFigure], seed: int, quick: bool) -> dict[str, Any]:
    """One flat object; ``targets`` and ``missed`` by the same names."""
    flat = {name: value for one in figures for name, value in one.as_json().items()}
    targets = {one.name: f"{one.bound} {one.target:g}" for one in figures if one.target is not None}
    missed = [one.name for one in figures if one.met is False]
    return {"seed": seed, "quick": quick, **flat, "targets": targets, "missed": missed}
