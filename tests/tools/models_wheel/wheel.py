"""Writes a wheel of data: the same bytes for the same content.

Members are stored and not compressed, since libraries that compress differ; all have one date.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = 0o644 << 16
_TAG = "py3-none-any"


def wheel_name(project: Mapping[str, Any]) -> str:
    """The file name of the wheel of a ``[project]`` table."""
    return f"{_stem(project)}-{_TAG}.whl"


def wheel_bytes(
    project: Mapping[str, Any], package: str, files: Mapping[str, bytes], licenses: Mapping[str, bytes]
) -> bytes:
    """The wheel of one package.

    Args:
        project: the ``[project]`` table of its pyproject.toml.
        files: by their names in the package.
        licenses: by their names in the folder of licenses.
    """
    info = f"{_stem(project)}.dist-info"
    members = {
        **{f"{package}/{name}": content for name, content in sorted(files.items())},
        **{f"{info}/licenses/{name}": content for name, content in sorted(licenses.items())},
        f"{info}/METADATA": _metadata(project, sorted(licenses)),
        f"{info}/WHEEL": _lines(
            "Wheel-Version: 1.0", "Generator: make models", "Root-Is-Purelib: true", f"Tag: {_TAG}"
        ),
    }
    members[f"{info}/RECORD"] = _record(members, f"{info}/RECORD")
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name, content in members.items():
            member = ZipInfo(name, _DATE)
            member.create_system, member.external_attr = _UNIX, _MODE
            archive.writestr(member, content)
    return buffer.getvalue()


def _stem(project: Mapping[str, Any]) -> str:
    return f"{project['name'].replace('-', '_')}-{project['version']}"


def _metadata(project: Mapping[str, Any], licenses: Sequence[str]) -> bytes:
    return _lines(
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        f"License-Expression: {project['license']}",
        *(f"License-File: {name}" for name in licenses),
    )


def _record(members: Mapping[str, bytes], own_name: str) -> bytes:
    rows = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in members.items()]
    return _lines(*rows, f"{own_name},,")


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
