"""All checks of the doctor, in the order in which they are printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from extproc.envoy_config.doctor import (
    call_checks,
    cluster_checks,
    filter_checks,
    hop_checks,
    probe_checks,
    route_checks,
    version_checks,
)
from extproc.envoy_config.doctor.check import DoctorCheck, EnvoyFinding, Examined, checks_of

_MODULES: Final = (cluster_checks, filter_checks, call_checks, route_checks, version_checks, hop_checks, probe_checks)
CHECKS: Final[tuple[DoctorCheck, ...]] = tuple(one for module in _MODULES for one in checks_of(module))


def examine(examined: Examined) -> Iterator[EnvoyFinding]:
    """What all checks find; each place once for each code."""
    seen: set[tuple[str, str, str]] = set()
    for check in CHECKS:
        for found in check.findings(examined):
            key = (found.code, found.where, found.what)
            if key not in seen:
                seen.add(key)
                yield found
