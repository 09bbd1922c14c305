"""Certificate, key and client CA of ``server.tls``: read as bytes and tested before use.

They are tested by an in-memory handshake with OpenSSL itself, so that whatever is accepted here works between machines.
OpenSSL reads files only; it gets them from memory, and no key is ever written to disk.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from extproc.config.checks import unreadable_problem
from extproc.config.document import Document
from extproc.config.problems import KeyPath, Places, Problem, Severity

PEM_BYTES_MAX = 1_048_576
ALPN = "h2"
_AT: KeyPath = ("server", "tls")
_KEY_OF_ANOTHER = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, for which the library has no name
_FLIGHTS_MAX = 4  # more flights than a TLS 1.3 handshake has


@dataclass(frozen=True, slots=True)
class Certificates:
    """Server certificate and key, and the CA for client certificates (None: any client may connect). PEM."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None


def certificate_files(document: Document) -> dict[str, str]:
    """The files of ``server.tls`` by key; empty without TLS."""
    tls = document.server.tls
    return {} if tls is None else {key: name for key, name in tls.model_dump().items() if name is not None}


def tried(contents: Mapping[str, bytes | OSError], places: Places) -> tuple[Certificates | None, list[Problem]]:
    """The certificates in these files; None if they are unusable.

    Args:
        contents: by the keys of ``certificate_files``: bytes (PEM_BYTES_MAX + 1 of them are enough), or the read
        error. Empty without TLS.
    Returns: also the problems, with lines of the file; warnings alone do not prevent use.
    """
    if not contents:
        return None, []
    problems = [problem for key, content in contents.items() if (problem := _unreadable(key, content, places))]
    if problems:
        return None, problems
    pem = {key: content for key, content in contents.items() if isinstance(content, bytes)}
    made = Certificates(pem["certificate_file"], pem["key_file"], pem.get("client_ca_file"))
    problems = list(_unusable(made, places))
    return (None, problems) if problems else (made, list(_advised_against(made, places)))


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """A context for TLS 1.2 and 1.3 that offers HTTP/2, and requires a client certificate if there is a CA for it.

    Raises: ssl.SSLError for certificates that ``tried`` would not have returned.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([ALPN])
    _load_pair(context, certificates)
    if certificates.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the trust anchor may be an intermediate CA
        context.load_verify_locations(cadata=_ascii(certificates.client_ca))
    return context


def validities(certificates: Certificates) -> dict[str, tuple[float, float]]:
    """Beginning and end of the validity of ``server`` and ``client_ca``, since 1970. [s]

    Of several client CAs, that of the first to end. One is missing if OpenSSL does not tell, as of a certificate that
    no client would accept at any time.
    """
    found = {}
    with contextlib.suppress(ssl.SSLError):
        found["server"] = _validity(_seen_by_client(certificates, _NO_CHECK_TIME))
    if certificates.client_ca is not None:
        authorities = [_validity(one) for one in server_context(certificates).get_ca_certs()]
        if authorities:
            found["client_ca"] = min(authorities, key=itemgetter(1))
    return found


# --- what is wrong -------------------------------------------------------------------------------------------------


def _unreadable(key: str, content: bytes | OSError, places: Places) -> Problem | None:
    at = (*_AT, key)
    if isinstance(content, OSError):
        return unreadable_problem(at, content, places)
    if len(content) > PEM_BYTES_MAX:
        hint = "It should hold only what its key says."
        return places.problem(at, f"the file is longer than {PEM_BYTES_MAX} bytes", hint=hint)
    return None


def _unusable(certificates: Certificates, places: Places) -> Iterator[Problem]:
    certificate_is_pem = _holds_certificates(certificates.certificate)
    if not certificate_is_pem:
        hint = "Expected `-----BEGIN CERTIFICATE-----`: the server's own first, then those that signed it."
        yield places.problem((*_AT, "certificate_file"), "the file holds no certificate in PEM", hint=hint)
    if certificates.client_ca is not None and not _holds_certificates(certificates.client_ca):
        hint = "Expected `-----BEGIN CERTIFICATE-----`: those of the CA that signs your clients' certificates."
        yield places.problem((*_AT, "client_ca_file"), "the file holds no certificate in PEM", hint=hint)
    at = (*_AT, "key_file")
    if b"-----BEGIN" not in certificates.key or b"PRIVATE KEY-----" not in certificates.key:
        hint = "Expected `-----BEGIN PRIVATE KEY-----`."
        yield places.problem(at, "the file holds no private key in PEM", hint=hint)
    elif b"ENCRYPTED" in certificates.key:
        hint = "Nobody is there to type its password: write it without one (`openssl pkey`), readable by us alone."
        yield places.problem(at, "the private key is encrypted", hint=hint)
    elif certificate_is_pem:
        yield from _misfit(certificates, places)


def _misfit(certificates: Certificates, places: Places) -> Iterator[Problem]:
    try:
        _load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificates)
    except ssl.SSLError as error:
        if error.reason in _KEY_OF_ANOTHER:
            hint = "Both must come from the same issue of the certificate."
            found = "the private key does not belong to the first certificate of `certificate_file`"
            yield places.problem((*_AT, "key_file"), found, hint=hint)
        else:
            reason = f" ({error.reason.lower().replace('_', ' ')})" if error.reason else ""
            hint = "Write both again: one of the two is damaged, or too weak."
            yield places.problem(_AT, f"OpenSSL refuses the certificate or its key{reason}", hint=hint, at_key=True)


def _advised_against(certificates: Certificates, places: Places) -> Iterator[Problem]:
    refusal = _clients_refusal(certificates)
    if refusal is not None:
        at, hint = (*_AT, "certificate_file"), "Renew it: a new one is used as soon as it is there."
        found = f"clients will refuse the certificate ({refusal})"
        yield places.problem(at, found, hint=hint, severity=Severity.WARNING)


def _clients_refusal(certificates: Certificates) -> str | None:
    """Why a client that trusts exactly this certificate would reject it, regardless of the host name; None if it would
    not.
    """
    try:
        _seen_by_client(certificates)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError as error:
        return error.reason or "no handshake is possible"
    return None


def _validity(certificate: Mapping[str, Any]) -> tuple[float, float]:
    return ssl.cert_time_to_seconds(certificate["notBefore"]), ssl.cert_time_to_seconds(certificate["notAfter"])


def _seen_by_client(certificates: Certificates, flags: int = 0) -> Mapping[str, Any]:
    """The certificate, as a client has it that trusts exactly this one. Raises: ssl.SSLError where it refuses it."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load_pair(server_side, certificates)
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname = False
    client_side.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | flags
    client_side.load_verify_locations(cadata=_ascii(certificates.certificate))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_FLIGHTS_MAX):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return client.getpeercert() or {}


# --- OpenSSL -------------------------------------------------------------------------------------------------------


def _holds_certificates(pem: bytes) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=_ascii(pem))
    except (ssl.SSLError, ValueError):
        return False
    return True


def _load_pair(context: ssl.SSLContext, certificates: Certificates) -> None:
    """Raises: ssl.SSLError."""
    with _in_memory(certificates.certificate) as certificate, _in_memory(certificates.key) as key:
        context.load_cert_chain(certificate, key, password=_no_password)


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A file path for in-memory content."""
    with os.fdopen(os.memfd_create("pem", os.MFD_CLOEXEC), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _no_password() -> bytes:
    """Without it, OpenSSL would prompt on the terminal."""
    return b""


def _ascii(pem: bytes) -> str:
    """PEM is ASCII; text between the blocks need not be."""
    return pem.decode("ascii", "replace").encode("ascii", "replace").decode("ascii")
