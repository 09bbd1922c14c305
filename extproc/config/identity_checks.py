"""Checks of ``identity``: sources that contradict each other, or that believe whom nobody has verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from extproc.config.api_keys import API_KEYS_BYTES_MAX, known_api_keys, parse_api_keys
from extproc.config.conditions import unknown_caller_problem
from extproc.config.document import Document
from extproc.config.forwarding import named_headers
from extproc.config.identity import (
    ApiKeySection,
    CertificateSection,
    Identity,
    JwtSection,
    ListenerHop,
    SignedHop,
    TrustedHopSection,
    credential_headers,
    takes_users,
)
from extproc.config.problems import KeyPath, Places, Problem, Severity, names, shown
from extproc.config.text_files import TextFile
from extproc.domain.contract import INTERNAL_HEADER_PREFIX, MODELS_PATH

_AT: KeyPath = ("identity",)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WITH_SOURCES = ("required", "open_paths", "claims")


def identity_problems(document: Document, places: Places) -> Iterator[Problem]:
    """The problems of ``identity``."""
    identity = document.identity
    yield from _source_problems(identity, places)
    yield from _hop_problems(identity, places)
    yield from _user_problems(identity, places)
    yield from _open_path_problems(document, places)
    yield from _header_problems(identity, places)
    yield from _credential_problems(document, places)
    if not identity.sources:
        for key in _WITH_SOURCES:
            if places.get((*_AT, key)) is not None:
                found, hint = "it has no effect without `identity.sources`", "Add a source, or remove it."
                yield places.problem((*_AT, key), found, hint=hint, severity=Severity.WARNING, at_key=True)


def identity_key_files(identity: Identity) -> list[tuple[KeyPath, str]]:
    """Key path and file of each secret key, in document order."""
    hops = enumerate(identity.trusted_hops)
    files: list[tuple[KeyPath, str]] = [
        ((*_AT, "trusted_hops", number, "key_file"), hop.key_file) for number, hop in hops if isinstance(hop, SignedHop)
    ]
    if identity.user_hash_key_file is not None:
        files.append(((*_AT, "user_hash_key_file"), identity.user_hash_key_file))
    return files


def api_key_files(identity: Identity) -> list[tuple[KeyPath, TextFile]]:
    """The file of hashed keys with its key path, if there is one."""
    return [
        ((*_AT, "sources", number, "file"), TextFile(("file",), one.file, "keys", API_KEYS_BYTES_MAX, parse_api_keys))
        for number, one in enumerate(identity.sources)
        if isinstance(one, ApiKeySection)
    ]


def unknown_team_problems(identity: Identity, files: Mapping[str, bytes], places: Places) -> Iterator[Problem]:
    """Warnings of keys whose team counts as `other`, as it is none of the known ones.

    Args: files: valid files of keys, by their paths in the document.
    """
    for path, one in api_key_files(identity):
        teams = [key.team for key in known_api_keys(files[one.file].decode())] if one.file in files else []
        if identity.teams and (unknown := [team for team in dict.fromkeys(teams) if team not in identity.teams]):
            found, hint = f"teams of keys count as `other`: {names(unknown)}", "Add them to `identity.teams`."
            yield places.problem(path, found, hint=hint, severity=Severity.WARNING)


def identity_problems_for_envoy(document: Document, places: Places) -> Iterator[Problem]:
    """A client certificate needs an Envoy that asks for one."""
    tls = document.envoy.tls
    for number, one in enumerate(document.identity.sources):
        if isinstance(one, CertificateSection) and (tls is None or tls.client_ca_file is None):
            found = "Envoy asks no client for a certificate"
            hint = "Add `envoy.tls` with `client_ca_file`."
            yield places.problem((*_AT, "sources", number), found, hint=hint, at_key=True)


def _source_problems(identity: Identity, places: Places) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for number, one in enumerate(identity.sources):
        at: KeyPath = (*_AT, "sources", number)
        if one.source in first and not isinstance(one, JwtSection):
            found = f"the source {shown(one.source)} is a duplicate, first on {places.line(first[one.source], at)}"
            yield places.problem(at, found, hint="Keep one of the two.", at_key=True)
        first.setdefault(one.source, at)
        if isinstance(one, JwtSection):
            yield from _jwt_problems(one, at, places)
        elif isinstance(one, CertificateSection):
            for index, caller in enumerate(one.callers):
                path: KeyPath = (*at, "callers", index, "team")
                yield from unknown_caller_problem(path, "team", caller.team, identity.teams, places)


def _jwt_problems(one: JwtSection, at: KeyPath, places: Places) -> Iterator[Problem]:
    if one.jwks_file is None and one.jwks_uri is None:
        hint = "Envoy needs the issuer's public keys: add `jwks_file`, or `jwks_uri`."
        yield places.problem((*at, "jwks_file"), "missing", hint=hint)
    if one.jwks_uri is None:
        return
    path: KeyPath = (*at, "jwks_uri")
    if one.jwks_file is not None:
        yield places.problem(path, "the keys are in `jwks_file` already", hint="Keep one of the two.", at_key=True)
    parts = urlsplit(one.jwks_uri)
    try:
        is_known = parts.port is None or parts.port > 0
    except ValueError:
        is_known = False
    if not is_known:
        found = f"the port in {places.quoted(path, one.jwks_uri)}"
        yield places.problem(path, found, expected="a port from 1 to 65535")
    elif parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        found, hint = "anyone in between can put other keys there", "Write `https://`."
        yield places.problem(path, found, hint=hint, severity=Severity.WARNING)


def _hop_problems(identity: Identity, places: Places) -> Iterator[Problem]:
    numbers = [number for number, one in enumerate(identity.sources) if isinstance(one, TrustedHopSection)]
    if numbers and not identity.trusted_hops:
        found, hint = "no hop is trusted", "Add one to `identity.trusted_hops`."
        yield places.problem((*_AT, "sources", numbers[0]), found, hint=hint, at_key=True)
    if identity.trusted_hops and not numbers:
        found, hint = "its headers are not believed", "Add `- source: trusted_hop` to `identity.sources`."
        yield places.problem((*_AT, "trusted_hops"), found, hint=hint, at_key=True)


def _user_problems(identity: Identity, places: Places) -> Iterator[Problem]:
    path = (*_AT, "user_hash_key_file")
    if takes_users(identity) and identity.user_hash_key_file is None:
        hint = "Users are kept as keyed hashes: make a key with `openssl rand -out FILE 32`, and name the file here."
        yield places.problem(path, "missing", hint=hint)
    elif identity.user_hash_key_file is not None and not takes_users(identity):
        found, hint = "no source tells a user", "Add one, or `user_field: true`, or remove it."
        yield places.problem(path, found, hint=hint, severity=Severity.WARNING, at_key=True)


def _open_path_problems(document: Document, places: Places) -> Iterator[Problem]:
    allowed = {*document.requests.allow_paths, f"GET {MODELS_PATH}"}
    path = (*_AT, "open_paths")
    for index, rule in enumerate(document.identity.open_paths):
        if rule not in allowed and places.get(path) is not None:
            found = f"{shown(rule)} is not in `requests.allow_paths`"
            yield places.problem((*path, index), found, hint="Only what is forwarded unread may need no credential.")


def _header_problems(identity: Identity, places: Places) -> Iterator[Problem]:
    taken = {
        identity.team_header: "team_header",
        identity.project_header: "project_header",
        identity.budget_code_header: "budget_code_header",
        identity.tier_header: "tier_header",
        identity.tag_header: "tag_header",
    }
    for path, header in _hop_headers(identity):
        if header in taken:
            hint = f"It is already `{taken[header]}`: give each its own header."
            yield places.problem(path, f"the header {shown(header)} is used twice", hint=hint)
        taken.setdefault(header, str(path[-1]))
        if header.startswith(INTERNAL_HEADER_PREFIX):
            hint = f"`{INTERNAL_HEADER_PREFIX}*` is removed from every request before it is read: choose another name."
            yield places.problem(path, f"the header {shown(header)} is internal", hint=hint)


def _hop_headers(identity: Identity) -> list[tuple[KeyPath, str]]:
    """Key path and header of what trusted hops send besides the headers of ``identity``."""
    named: list[tuple[KeyPath, str]] = [
        ((*_AT, "trusted_hops", number, "header"), hop.header)
        for number, hop in enumerate(identity.trusted_hops)
        if isinstance(hop, SignedHop)
    ]
    named += [
        ((*_AT, "sources", number, "user_header"), one.user_header)
        for number, one in enumerate(identity.sources)
        if isinstance(one, TrustedHopSection) and one.user_header is not None
    ]
    return named


def _credential_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Keys that read the header of a credential, which is gone by then."""
    identity = document.identity
    credentials = {header for source in identity.sources for header in credential_headers(source, identity)}
    told = {header for _, header in _hop_headers(identity)}
    for path, header in named_headers(document):
        if header in credentials and not (path[0] == "identity" and header in told):
            hint = "It is taken off before anything else reads it: name another one."
            yield places.problem(path, f"the header {shown(header)} is that of a credential", hint=hint)


def hop_listeners(identity: Identity) -> list[tuple[KeyPath, str]]:
    """Key path and address of each listener for a trusted hop."""
    return [
        ((*_AT, "trusted_hops", number, "listen"), hop.listen)
        for number, hop in enumerate(identity.trusted_hops)
        if isinstance(hop, ListenerHop)
    ]
