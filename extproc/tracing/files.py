"""The files that ``otel`` names: certificates, and headers that may be secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from extproc.config.otel import Otel
from extproc.tracing import OtelUnavailable

_HEADERS_BYTES_MAX: Final = 65_536


class OtlpFiles(NamedTuple):
    """Their content; None: there is none."""

    ca: bytes | None
    certificate: bytes | None
    key: bytes | None
    headers: tuple[tuple[str, str], ...] | None


def read_otlp_files(terms: Otel, folder: Path) -> OtlpFiles:
    """Read them. Args: folder: base of relative paths. Raises: OtelUnavailable."""
    return OtlpFiles(
        _content("ca_file", folder, terms.ca_file),
        _content("certificate_file", folder, terms.certificate_file),
        _content("key_file", folder, terms.key_file),
        _headers(folder, terms.headers_file),
    )


def _content(key: str, folder: Path, file: str | None) -> bytes | None:
    if file is None:
        return None
    try:
        return (folder / file).read_bytes()
    except OSError as error:
        raise OtelUnavailable(f"otel.{key}: {folder / file} cannot be read ({error.strerror}).") from None


def _headers(folder: Path, file: str | None) -> tuple[tuple[str, str], ...] | None:
    """Of lines ``name: value``; blank ones and those with ``#`` in front count for nothing. No message quotes one."""
    content = _content("headers_file", folder, file)
    if content is None:
        return None
    problem = (
        f"otel.headers_file: {file}: line {{}} is no header: expected `name: value` in ASCII, the name in lower case."
    )
    headers: list[tuple[str, str]] = []
    for number, line in enumerate(content[:_HEADERS_BYTES_MAX].split(b"\n"), 1):
        text = line.decode("ascii", "replace").strip()
        if not text or text.startswith("#"):
            continue
        name, colon, value = text.partition(":")
        name, value = name.strip(), value.strip()
        is_name = name.replace("-", "").replace("_", "").replace(".", "").isalnum() and name == name.lower()
        if not colon or not is_name or not value.isprintable() or not text.isascii():
            raise OtelUnavailable(problem.format(number))
        headers.append((name, value))
    return tuple(headers)
