"""Asks an Envoy, and servers around it, with a bound for everything: a doctor must not hang where it is called in.

No proxy of the environment is used: what is asked is on this machine, or in this cluster.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from extproc.envoy_config.doctor.blocks import mapping, mappings, named
from extproc.envoy_config.doctor.check import CertificateAge, ClusterHealth
from extproc.envoy_config.doctor.reading import FILE_BYTES_MAX, parsed

ASKED_S_MAX: Final = 10.0
"""For one question, from the connection to the end of the answer."""
_CHUNK_BYTES: Final = 1 << 20
_ADMIN_PAGES: Final = ("/config_dump?include_eds", "/clusters?format=json", "/certs")


class UnanswerableError(OSError):
    """There is no usable answer; the message says why in some words."""


@dataclass(frozen=True)
class HttpAnswer:
    """An answer; ``headers`` by lower-case name, ``body`` at most as long as was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class EnvoyPages:
    """What an Envoy says of itself: its configuration as plain data, and what checks are told besides."""

    dump: object
    health: dict[str, ClusterHealth]
    certificates: tuple[CertificateAge, ...]


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, without what may be a secret. Raises: ValueError if it is none."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected http://HOST:PORT or https://HOST:PORT")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def ask(
    url: str,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    bytes_max: int = FILE_BYTES_MAX,
    seconds_max: float = ASKED_S_MAX,
) -> HttpAnswer:
    """One question. Redirects are answers. Raises: UnanswerableError; also if an answer is larger, or takes longer."""
    ends = time.monotonic() + seconds_max
    parts = urlsplit(origin_of(url))
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds_max)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        content = bytearray()
        while chunk := answer.read1(_CHUNK_BYTES):
            content += chunk
            if len(content) > bytes_max:
                raise UnanswerableError(f"its answer has more than {bytes_max} bytes")
            if time.monotonic() > ends:
                raise UnanswerableError(f"its answer takes more than {seconds_max:g} s")
        if answer.length:
            raise UnanswerableError("it breaks off, or is no HTTP")
        told = {name.lower(): value for name, value in answer.getheaders()}
        return HttpAnswer(answer.status, told, bytes(content))
    except UnanswerableError:
        raise
    except TimeoutError:
        raise UnanswerableError(f"no answer within {seconds_max:g} s") from None
    except ssl.SSLError as error:
        raise UnanswerableError(f"TLS fails: {error.reason or 'unknown reason'}") from None
    except http.client.HTTPException:
        raise UnanswerableError("it breaks off, or is no HTTP") from None
    except UnicodeError:
        raise UnanswerableError("it is no name of a host") from None
    except OSError as error:
        raise UnanswerableError((error.strerror or type(error).__name__).lower()) from None
    finally:
        connection.close()


def envoy_pages(admin: str) -> EnvoyPages:
    """What an admin server says. Raises: UnanswerableError; EnvoyUnreadableError if it is another server's."""
    dump, clusters, certificates = (_page(admin, path) for path in _ADMIN_PAGES)
    return EnvoyPages(dump, health_of(clusters), ages_of(certificates))


def _page(admin: str, path: str) -> object:
    answer = ask(admin, path)
    if answer.status != http.client.OK:
        raise UnanswerableError(f"status {answer.status} at {path}")
    return parsed(answer.body)


def health_of(page: object) -> dict[str, ClusterHealth]:
    """From ``/clusters?format=json``: endpoints that fail a check or are ejected count as unhealthy."""
    return {
        named(one): ClusterHealth(len(hosts), sum(_is_healthy(mapping(host.get("health_status"))) for host in hosts))
        for one in mappings(mapping(page).get("cluster_statuses"))
        for hosts in [mappings(one.get("host_statuses"))]
    }


def _is_healthy(status: Mapping[str, object]) -> bool:
    failed = any(value is True for name, value in status.items() if name.startswith("failed_"))
    return not failed and status.get("eds_health_status", "HEALTHY") in ("HEALTHY", "UNKNOWN", "DEGRADED")


def ages_of(page: object) -> tuple[CertificateAge, ...]:
    """From ``/certs``: each certificate, and each CA."""
    ages = []
    for one in mappings(mapping(page).get("certificates")):
        for part in (*mappings(one.get("cert_chain")), *mappings(one.get("ca_cert"))):
            days = str(part.get("days_until_expiration", ""))
            if days.isdecimal():
                ages.append(CertificateAge(named(part, "path"), int(days)))
    return tuple(ages)
