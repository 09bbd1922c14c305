"""The sections of ``docs/doctor.md``: one for each check, as its function says."""

from __future__ import annotations

from extproc.envoy_config.doctor.registry import CHECKS


def doctor_sections() -> str:
    """Code, severity, title, why it matters and how to fix it."""
    sections = (f"### {one.code}\n\n*{one.severity.value}*: {one.title}.\n\n{one.about}" for one in CHECKS)
    return "\n\n".join(sections)
