"""Everything about the package is in pyproject.toml; this adds compiled modules for who asks for them.

With LLM_EXTPROC_COMPILE=1 the packages that work on each message are compiled with mypyc (it comes with mypy; a C
compiler and Python's headers are needed). They are the same sources: without it, the package is pure Python.
MYPYC_OPT_LEVEL=0 takes less of the compiler's time and runs slower, which is enough for tests; mypy has it too.
"""

import os
import sys
from pathlib import Path

from setuptools import setup

PACKAGES = (
    "domain",
    "payload",
    "detectors",
    "detectors/answers",
    "detectors/harm",
    "detectors/injection",
    "detectors/pii",
    "detectors/rules",
    "detectors/text",
    "filters",
    "exchange",
    "wire",
    "sinks",
    "server/transport/h2",
)
MODULES = (
    "rate_limits/local.py",
    "server/transport/processor.py",
    "server/transport/session.py",
    "server/operations/json_log.py",
)
METADATA = {"egg_info", "dist_info"}


def sources():
    """The files that are compiled."""
    root = Path("extproc")
    files = [file for package in PACKAGES for file in sorted((root / package).glob("*.py"))]
    files += [root / module for module in MODULES]
    return [str(file) for file in files if file.name != "__init__.py"]


def compiled():
    """The extension modules, none if they are not asked for, or pip asks for metadata alone: it does so twice."""
    if os.environ.get("LLM_EXTPROC_COMPILE") != "1" or not METADATA.isdisjoint(sys.argv):
        return []
    from mypyc.build import mypycify

    return mypycify(sources(), multi_file=True, debug_level="0", opt_level=os.environ.get("MYPYC_OPT_LEVEL", "3"))


if __name__ == "__main__":
    setup(ext_modules=compiled())
