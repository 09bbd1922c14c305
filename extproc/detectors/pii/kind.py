"""A kind of personal data: its name, how it is found, and what of it counts at the end of a truncated text."""

from __future__ import annotations

from typing import NamedTuple

from extproc.detectors.pii.beginnings import BeginningFinder
from extproc.detectors.pii.recognizer import Recognizer


class PiiKind(NamedTuple):
    """One kind. ``about`` and ``begins`` are its row in ``docs/guards/pii.md``.

    Attributes:
        name: in the configuration, in masks, metrics and logs.
        about: what it is.
        begins: what of it counts as its beginning.
        recognizers: they find it.
        beginnings: they find its beginning.
        endless: of these, the ones for values that may exceed the longest word that is checked as a whole.
        implies: kinds that are requested with it.
        shields: kinds that must be recognized even if not requested, so that they are not mistaken for this one.
        by_default: whether a guard looks for it if the configuration names no kinds.
    """

    name: str
    about: str
    begins: str
    recognizers: tuple[Recognizer, ...]
    beginnings: tuple[BeginningFinder, ...]
    endless: tuple[BeginningFinder, ...] = ()
    implies: frozenset[str] = frozenset()
    shields: frozenset[str] = frozenset()
    by_default: bool = True
