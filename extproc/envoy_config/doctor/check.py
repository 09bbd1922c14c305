"""What a check of the doctor is: a code that stays, a severity, and a function that finds places.

The docstring of the function is its section in ``docs/doctor.md``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from extproc.config.document import Document
from extproc.config.problems import Severity
from extproc.envoy_config.doctor.model import EnvoyModel

PAGE = "docs/doctor.md"
NAME_CHARS_MAX = 80


class FoundPlace(NamedTuple):
    """What a check has found: where, what is wrong there, and how to fix it. Sentences without values of users."""

    where: str
    what: str
    fix: str


@dataclass(frozen=True)
class ClusterHealth:
    """What Envoy says of the endpoints of a cluster now."""

    hosts: int
    healthy: int


@dataclass(frozen=True)
class CertificateAge:
    """A certificate that Envoy has loaded. ``days_left``: until it ends; below zero if it has."""

    path: str
    days_left: int


class ProbeKind(Enum):
    """What a probe tries."""

    UNKNOWN_MODEL = "unknown model"
    FORGED_VERSION = "forged version"
    DIRECT = "direct"


@dataclass(frozen=True)
class Probe:
    """A request and what it got.

    Args:
        where: URL without what may be a secret.
        problem: why there is no answer; empty if there is one.
        code: `error.code` of the answer; empty without one.
        is_ours: whether llm-extproc answered, or saw the answer.
        told: names of its internal headers.
    """

    kind: ProbeKind
    where: str
    problem: str = ""
    status: int = 0
    code: str = ""
    is_ours: bool = False
    told: tuple[str, ...] = ()

    @property
    def answer(self) -> tuple[object, ...]:
        """What must be the same for equal requests."""
        return self.status, self.code, self.is_ours, self.told


@dataclass(frozen=True)
class Examined:
    """What there is to look into.

    Args:
        document: the configuration of llm-extproc; None if it is unknown.
        body_bytes_max: largest body to hold for the processor [bytes]; 0 if unknown.
        health: by name of the cluster; None if no Envoy was asked.
        certificates: those that it has; none if no Envoy was asked.
        probes: requests that were sent, and what they got.
    """

    model: EnvoyModel
    document: Document | None = None
    body_bytes_max: int = 0
    health: Mapping[str, ClusterHealth] | None = None
    certificates: tuple[CertificateAge, ...] = ()
    probes: tuple[Probe, ...] = ()


@dataclass(frozen=True)
class EnvoyFinding:
    """A place where a check found something."""

    code: str
    severity: Severity
    where: str
    what: str
    fix: str

    @property
    def page(self) -> str:
        """The section that says more."""
        return f"{PAGE}#{self.code}"


Find = Callable[[Examined], Iterator[FoundPlace]]


@dataclass(frozen=True)
class DoctorCheck:
    """A check; ``title`` is its row in the table of all."""

    code: str
    severity: Severity
    title: str
    find: Find

    @property
    def about(self) -> str:
        """Why it matters, and how to fix it, in Markdown."""
        return inspect.getdoc(self.find) or ""

    def findings(self, examined: Examined) -> Iterator[EnvoyFinding]:
        """What it finds, in the order of the configuration."""
        for where, what, fix in self.find(examined):
            yield EnvoyFinding(self.code, self.severity, where, what, fix)


def checks_of(module: Any) -> list[DoctorCheck]:
    """The checks that a module defines, in their order there."""
    return [one for one in vars(module).values() if isinstance(one, DoctorCheck)]


def error(code: str, title: str) -> Callable[[Find], DoctorCheck]:
    """Makes a function a check: traffic may pass unguarded, or fails."""
    return lambda find: DoctorCheck(code, Severity.ERROR, title, find)


def warning(code: str, title: str) -> Callable[[Find], DoctorCheck]:
    """Makes a function a check: traffic is guarded, and something is worse than it could be."""
    return lambda find: DoctorCheck(code, Severity.WARNING, title, find)


def quoted(name: object) -> str:
    """A name of the configuration, shortened."""
    text = str(name)
    return repr(text if len(text) <= NAME_CHARS_MAX else f"{text[:NAME_CHARS_MAX]}...")
