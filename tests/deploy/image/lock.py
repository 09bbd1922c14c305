"""The Python packages that the image carries: what requirements/run.txt locks for Linux, without what is cut."""

from __future__ import annotations

import re

from packaging.requirements import Requirement

from deploy.image.cuts import DISTRIBUTIONS
from tests.deploy.manifests import ROOT

LOCK = ROOT / "requirements" / "run.txt"
IN_THE_IMAGE = {
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "python_full_version": "3.13.5",
    "python_version": "3.13",
    "sys_platform": "linux",
}


def locked() -> list[str]:
    """What the lock has for Linux, sorted."""
    lines = re.findall(r"^[a-z].*==.*?(?= \\$)", LOCK.read_text(), re.MULTILINE)
    requirements = (Requirement(line) for line in lines)
    return sorted(one.name for one in requirements if one.marker is None or one.marker.evaluate(IN_THE_IMAGE))


def carried() -> list[str]:
    """What of it is in the image."""
    return [name for name in locked() if name not in DISTRIBUTIONS]
