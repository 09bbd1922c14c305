"""The outputs of the packaged encoder, in order: what configuration, training and reports call them."""

from __future__ import annotations

from typing import Final

HEADS: Final = ("abuse", "harm", "injection", "refusal")
"""``harm`` and ``refusal`` are trained along, but not offered: the detectors in the path find more of unseen texts."""
