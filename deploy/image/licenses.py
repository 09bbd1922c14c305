"""The license of each package that the image carries, as SPDX names it, and which licenses it may carry.

A package whose license nobody has read is not shipped: the tests fail for one of the lock, ``make image-check`` for one
of Debian.
"""

from __future__ import annotations

import importlib.metadata
import re
from typing import Final

ALLOWED: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "LGPL-2.1-or-later",  # glibc and psycopg are used as they are, and can be replaced in the image
        "LGPL-3.0-only",
        "MIT",
        "MPL-2.0",  # by file; we change none
        "PSF-2.0",
        "Python-2.0",
        "Zlib",
    }
)
"""For packages of Python, and what these have compiled in."""
STATED: Final = {
    "certifi": "MPL-2.0",
    "google-re2": "BSD-3-Clause",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "protobuf": "BSD-3-Clause",
    "requests": "Apache-2.0",
    "requests-oauthlib": "ISC",
    "shellingham": "ISC",
    "uvloop": "MIT OR Apache-2.0",
}
"""Read in the package's license file, where its metadata names none as SPDX does."""
DEBIAN: Final = {
    "base-files": "GPL-2.0-or-later",  # os-release alone, a text
    "libbz2-1.0": "bzip2-1.0.6",
    "libc6": "LGPL-2.1-or-later",
    "libexpat1": "MIT",
    "libffi8": "MIT",
    "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "liblzma5": "0BSD",
    "libpython3.13-minimal": "Python-2.0",
    "libpython3.13-stdlib": "Python-2.0",
    "libsqlite3-0": "blessing",
    "libssl3t64": "Apache-2.0",
    "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libuuid1": "BSD-3-Clause",
    "libzstd1": "BSD-3-Clause",
    "openssl": "Apache-2.0",  # openssl.cnf alone
    "python3.13-minimal": "Python-2.0",
    "zlib1g": "Zlib",
}
"""Of the files that the image has; read in ``/usr/share/doc/PACKAGE/copyright``."""
_FIELDS: Final = ("License-Expression", "License")
_SPDX: Final = re.compile(r"[A-Za-z0-9.+-]+")
_OPERATORS: Final = frozenset({"AND", "OR", "WITH"})


class LicenseUnknown(Exception):
    """The message names the package, and what to do."""


def license_of(package: str) -> str:
    """Of an installed Python package. Raises: LicenseUnknown: it states none, or one that is not allowed."""
    about = importlib.metadata.metadata(package)
    stated = STATED.get(package) or next((about[field] for field in _FIELDS if field in about), "")
    names = set(_SPDX.findall(stated)) - _OPERATORS
    if not names:
        raise LicenseUnknown(f"{package} names no license. Read its license file, and add it to STATED in {__name__}.")
    if others := names - ALLOWED:
        raise LicenseUnknown(
            f"{package} is under {stated!r}; {', '.join(sorted(others))} is not among the licenses that the image may "
            f"carry. Leave the package out, or add it to STATED or ALLOWED in {__name__}, with the reason."
        )
    return stated


def license_of_debian(package: str) -> str:
    """Of a Debian package. Raises: LicenseUnknown: nobody has read it."""
    if package not in DEBIAN:
        raise LicenseUnknown(
            f"The image has files of the Debian package {package}, whose license nobody has read. Read "
            f"/usr/share/doc/{package}/copyright, and add it to DEBIAN in {__name__}."
        )
    return DEBIAN[package]
