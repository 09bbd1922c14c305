"""Trains the encoder of the packaged classifier (``make train``): MiniLM with heads for what guards look for."""

from __future__ import annotations

from typing import Final

from tests.tools.models_wheel.sources import ROOT

TRAINED: Final = ROOT / "packages" / "models" / "trained"
WEIGHTS, FIGURES = "guards.safetensors", "figures.json"
"""Of what was trained, and how good it was on sources left out."""
