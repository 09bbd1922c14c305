"""Checks across keys of a valid document: contradictions, and settings that silently weaken protection.

Each check is a function from the document to problems. Errors reject the file; warnings are only reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from extproc.config.budget_checks import budget_problems
from extproc.config.classifier_checks import classifier_problems
from extproc.config.document import Document, Role, Version
from extproc.config.drift_checks import drift_problems
from extproc.config.endpoints import may_be_several
from extproc.config.fallback_checks import fallback_problems
from extproc.config.feedback import feedback_problems
from extproc.config.forwarding import IDENTITY_HEADERS, is_usually_excluded, named_headers
from extproc.config.gpu_checks import gpu_problems
from extproc.config.hops import hop_problems
from extproc.config.identity_checks import (
    hop_listeners,
    identity_key_files,
    identity_problems,
    identity_problems_for_envoy,
)
from extproc.config.ledger_checks import ledger_problems
from extproc.config.otel_checks import otel_problems
from extproc.config.policies import guards_of
from extproc.config.policy_checks import policy_problems
from extproc.config.problems import KeyPath, Places, Problem, Severity, did_you_mean, names, shown
from extproc.config.prompt_checks import prompt_section_problems
from extproc.config.prompts import prompts_of
from extproc.config.provider_checks import provider_problems
from extproc.config.rate_limit_checks import rate_limit_problems
from extproc.config.review import review_problems
from extproc.config.rollout_checks import rollout_problems
from extproc.config.route_checks import route_problems
from extproc.config.text_files import TextFile
from extproc.domain.contract import ENDPOINT_PATHS, INTERNAL_HEADER_PREFIX

SOCKET_PATH_BYTES_MAX = 107
WORKER_SUFFIX_BYTES_MAX = len(".63.new127")
ANY_HOST = ("0.0.0.0", "[::]")

INFERENCE_DOORS = {
    "/invocations": "answers every kind of request, outside the server's API key",
    "/v1/chat/completions/batch": "answers many chats in one request",
    "/inference/v1/generate": "answers prompts of token ids",
    "/generative_scoring": "reads texts, outside the server's API key",
    "/tokenize": "reads texts, outside the server's API key",
    "/detokenize": "turns token ids into text, outside the server's API key",
    "/pooling": "reads texts",
    "/classify": "reads texts",
    "/score": "reads texts",
    "/v1/score": "reads texts",
    "/rerank": "reads texts and repeats them in its answer",
    "/v2/rerank": "reads texts and repeats them in its answer",
    "/v2/embed": "reads texts",
    "/v1/audio/transcriptions": "turns speech into text",
    "/v1/audio/translations": "turns speech into text",
    "/v1/realtime": "turns speech into text",
}
DOOR_ENDINGS = {
    "/render": "shows the prompt as the model reads it",
    "/derender": "turns an answer's token ids into text",
}


def check_document(document: Document, places: Places) -> list[Problem]:
    """All problems across keys of a valid document."""
    return [
        *_role_problems(document, places),
        *hop_problems(document, places),
        *_weight_problems(document, places),
        *_filter_problems(document, places),
        *fallback_problems(document, places),
        *provider_problems(document, places),
        *prompt_section_problems(document, places),
        *route_problems(document, places),
        *policy_problems(document, places),
        *classifier_problems(document, places),
        *review_problems(document, places),
        *rate_limit_problems(document, places),
        *budget_problems(document, places),
        *ledger_problems(document, places),
        *feedback_problems(document, places),
        *gpu_problems(document, places),
        *drift_problems(document, places),
        *rollout_problems(document, places),
        *otel_problems(document, places),
        *_header_problems(document, places),
        *identity_problems(document, places),
        *_address_problems(document, places),
        *_tls_problems(document, places),
        *_endpoint_problems(document, places),
        *_allowed_path_problems(document, places),
    ]


def check_for_envoy(document: Document, places: Places) -> list[Problem]:
    """Extra requirements of ``envoy-config``: a model server for each routed version, no endpoint picker, and matching
    TLS settings for Envoy and the processor.
    """
    no_servers = [
        places.problem(
            (*path, "endpoints"),
            "no model server",
            hint='The Envoy configuration routes to it: add `endpoints: ["HOST:PORT"]`.',
        )
        for path, name, version in _versions(document)
        if not version.endpoints and version.provider is None and document.guard_version in (None, name)
    ]
    return [
        *no_servers,
        *_picker_problems(document, places),
        *_envoy_tls_problems(document, places),
        *identity_problems_for_envoy(document, places),
    ]


def _picker_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Where nothing sets the header of a picker, it is a client's."""
    if document.envoy.endpoint_picker:
        hint = "With it, clients could choose a server themselves: remove it."
        found = "the Envoy configuration that is generated has no endpoint picker"
        yield places.problem(("envoy", "endpoint_picker"), found, hint=hint)


def guard_files(document: Document) -> list[tuple[KeyPath, TextFile]]:
    """Each text file of a guard with its key path, in document order."""
    return [((*at, *one.key), one) for at, guard in guards_of(document.policies) for one in guard.text_files()]


def mask_key_files(document: Document) -> list[tuple[KeyPath, str]]:
    """Key path and file of each key of hashes: of masks, of users, of signatures."""
    masks = [((*at, *key), file) for at, guard in guards_of(document.policies) for key, file in guard.key_files()]
    return [*masks, *identity_key_files(document.identity)]


def unreadable_problem(path: KeyPath, error: OSError, places: Places, made_by: str = "") -> Problem:
    """The problem of a file named at ``path`` that could not be read. Args: made_by: the command that makes one."""
    if isinstance(error, FileNotFoundError):
        hint = "The path is relative to the folder of the file that names it."
        if made_by:
            hint += f" `{made_by}` makes one."
        return places.problem(path, f"{places.found(path)} is not a file", hint=hint)
    reason = (error.strerror or "input or output error").lower()
    hint = "Make it readable for this user."
    return places.problem(path, f"{places.found(path)} cannot be read ({reason})", hint=hint)


def _versions(document: Document) -> Iterator[tuple[KeyPath, str, Version]]:
    """Key path, MODEL/VERSION and version of each version."""
    for model_name, model in document.models.items():
        for version_name, version in model.versions.items():
            yield ("models", model_name, "versions", version_name), f"{model_name}/{version_name}", version


# --- roles and weights ---------------------------------------------------------------------------------------------


def _role_problems(document: Document, places: Places) -> Iterator[Problem]:
    at = ("guard_version",)
    if document.role is Role.ROUTE:
        if document.guard_version is not None:
            yield places.problem(at, "only role `guard` has one", hint="Remove it, or write `role: guard`.")
        return
    known = [name for _, name, _ in _versions(document)]
    if document.guard_version is None:
        hint = f"Role `guard` needs `guard_version`, one of {names(known)}."
        yield places.problem(at, "missing: the version that this model server serves", hint=hint)
    elif document.guard_version not in known:
        hint = did_you_mean(document.guard_version, known) or f"Known versions: {names(known)}."
        found = f"unknown version {shown(document.guard_version)}"
        yield places.problem(at, found, expected="MODEL/VERSION", hint=hint)
    elif known.count(document.guard_version) > 1:
        found = f"{shown(document.guard_version)} names more than one version"
        yield places.problem(at, found, hint="Rename one: the names of model and version are joined by `/`.")
    for path in _choices(document):
        hint = "The version is fixed by `guard_version`: remove it, or write `role: route`."
        yield places.problem(path, "role `guard` does not choose versions", hint=hint, at_key=True)


def _choices(document: Document) -> Iterator[KeyPath]:
    """Keys that only have an effect where versions are chosen."""
    for name, model in document.models.items():
        if model.pin_header is not None:
            yield ("models", name, "pin_header")
        if model.pin_teams:
            yield ("models", name, "pin_teams")
        if model.sticky.header is not None:
            yield ("models", name, "sticky", "header")
    if document.routes:
        yield ("routes",)
    for index, one in enumerate(document.filters):
        if one.filter == "version":
            yield ("filters", index)


def _weight_problems(document: Document, places: Places) -> Iterator[Problem]:
    for name, model in document.models.items():
        if document.role is Role.ROUTE and not any(version.weight for version in model.versions.values()):
            hint = "Give at least one version a weight above 0."
            yield places.problem(("models", name, "versions"), "every weight is 0: no version would be used", hint=hint)


# --- filters -------------------------------------------------------------------------------------------------------


def _filter_problems(document: Document, places: Places) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, one in enumerate(document.filters):
        if one.filter in first:
            at: KeyPath = ("filters", index)
            found = f"duplicate filter, first on {places.line(('filters', first[one.filter]), at)}"
            yield places.problem(at, found, hint="Keep one of the two.", at_key=True)
        first.setdefault(one.filter, index)
    yield from _prompt_order_problems(document, places, first)
    if "version" not in first and "prompt" not in first and document.role is Role.ROUTE:
        found, hint = "no filter chooses a version", "Add `- filter: version`, or weights and routing have no effect."
        yield _warning(places, ("filters",), found, hint)
    if "meter" not in first:
        yield _warning(places, ("filters",), "tokens and cost are not counted", "Add `- filter: meter`.")


def _prompt_order_problems(document: Document, places: Places, first: dict[str, int]) -> Iterator[Problem]:
    if "prompt" not in first:
        for path, _ in prompts_of(document):
            yield _warning(places, path, "the prompt is never inserted", "Add `- filter: prompt`.")
    elif document.role is Role.ROUTE and first.get("version", len(document.filters)) > first["prompt"]:
        found, hint = "the prompt depends on the version, which is not chosen yet", "Put `- filter: version` before it."
        yield places.problem(("filters", first["prompt"]), found, hint=hint, at_key=True)


# --- headers -------------------------------------------------------------------------------------------------------


def _header_problems(document: Document, places: Places) -> Iterator[Problem]:
    identity: dict[str, str] = {}
    for key in IDENTITY_HEADERS:
        header = getattr(document.identity, key)
        if header in identity:
            hint = f"It is already `{identity[header]}`: give each its own header."
            yield places.problem(("identity", key), f"the header {shown(header)} is used twice", hint=hint)
        identity.setdefault(header, key)
    for path, header in named_headers(document):
        yield from _internal_header_problems(path, header, places)
        if is_usually_excluded(header):
            hint = (
                "Envoy keeps this header from the processor unless this file names it: regenerate the Envoy "
                "configuration (`extproc envoy-config`) and roll it out first, or the header is read as absent."
            )
            yield _warning(places, path, f"the header {shown(header)} needs a new Envoy configuration", hint)


def _internal_header_problems(path: KeyPath, header: str, places: Places) -> Iterator[Problem]:
    if header.startswith(INTERNAL_HEADER_PREFIX):
        hint = f"`{INTERNAL_HEADER_PREFIX}*` is removed from every request before it is read: choose another name."
        yield places.problem(path, f"the header {shown(header)} is internal", hint=hint)


# --- addresses -----------------------------------------------------------------------------------------------------


def _address_problems(document: Document, places: Places) -> Iterator[Problem]:
    listening: list[tuple[KeyPath, str]] = [
        (("server", "listen"), document.server.listen),
        (("server", "metrics"), document.server.metrics),
        (("envoy", "listen"), document.envoy.listen),
        (("envoy", "admin"), document.envoy.admin),
        *hop_listeners(document.identity),
    ]
    for index, (path, address) in enumerate(listening):
        yield from _port_problems(path, address, places)
        for other_path, other in listening[:index]:
            if _collide(address, other):
                written, by = (path, other_path) if places.get(path) else (other_path, path)
                hint = f"`{places.dotted(by)}` has it too: give one of them another port."
                yield places.problem(written, f"the address {places.quoted(written, address)} is taken", hint=hint)
    if document.server.workers > 1:
        yield from _worker_address_problems(document, places)
    if document.envoy.processor.address is not None:
        yield from _port_problems(("envoy", "processor", "address"), document.envoy.processor.address, places)
    for path, _, version in _versions(document):
        for index, endpoint in enumerate(version.endpoints):
            yield from _port_problems((*path, "endpoints", index), endpoint, places)
    for index, server in enumerate(() if document.gpus is None else document.gpus.servers):
        if server.metrics is not None:
            yield from _port_problems(("gpus", "servers", index, "metrics"), server.metrics, places)


def _worker_address_problems(document: Document, places: Places) -> Iterator[Problem]:
    """A path too long for the worker number; a path too long for any socket is reported elsewhere."""
    listen = document.server.listen
    length_max = SOCKET_PATH_BYTES_MAX - WORKER_SUFFIX_BYTES_MAX
    if listen.startswith("unix:") and length_max < len(listen.removeprefix("unix:").encode()) <= SOCKET_PATH_BYTES_MAX:
        hint = f"Each worker appends up to {WORKER_SUFFIX_BYTES_MAX} bytes: choose a path of at most {length_max}."
        found = "the path of the socket is too long for several workers"
        yield places.problem(("server", "listen"), found, hint=hint)


def _port_problems(path: KeyPath, address: str, places: Places) -> Iterator[Problem]:
    if address.startswith("unix:"):
        if len(address.removeprefix("unix:").encode()) > SOCKET_PATH_BYTES_MAX:
            hint = f"Linux allows {SOCKET_PATH_BYTES_MAX} bytes: choose a shorter one."
            yield places.problem(path, "the path of the socket is too long", hint=hint)
        return
    port = address.rpartition(":")[2]
    if not 1 <= int(port) <= 65_535:
        yield places.problem(path, f"the port {places.quoted(path, port)}", expected="a port from 1 to 65535")


def _collide(one: str, other: str) -> bool:
    """Whether two sockets cannot listen on one machine at the same time."""
    if one.startswith("unix:") or other.startswith("unix:"):
        return one == other
    (host, _, port), (other_host, _, other_port) = one.rpartition(":"), other.rpartition(":")
    same_host = host.replace("localhost", "127.0.0.1") == other_host.replace("localhost", "127.0.0.1")
    return int(port) == int(other_port) and (same_host or host in ANY_HOST or other_host in ANY_HOST)


def _endpoint_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Two versions with the same server and model: usually a line that was copied and not changed."""
    first: dict[tuple[str, str], str] = {}
    for path, name, version in _versions(document):
        model = version.served_model or str(path[1])
        for index, endpoint in enumerate(version.endpoints):
            earlier = first.setdefault((endpoint, model), name)
            if earlier != name:
                hint = "That is correct only if the prompts differ; otherwise name the other server."
                found = f"the same server and model as version {shown(earlier)}"
                yield _warning(places, (*path, "endpoints", index), found, hint)
        if version.pick == "load":
            yield from _pick_problems(path, version, places)


def _pick_problems(path: KeyPath, version: Version, places: Places) -> Iterator[Problem]:
    hint = "Name several, or remove `pick`."
    if not version.endpoints:
        yield places.problem((*path, "pick"), "`load` picks one of `endpoints`, and there is none", hint=hint)
    elif not may_be_several(version.endpoints):
        yield _warning(places, (*path, "pick"), "there is one endpoint, so nothing is picked", hint)


# --- TLS -----------------------------------------------------------------------------------------------------------


def _tls_problems(document: Document, places: Places) -> Iterator[Problem]:
    if document.server.tls is not None and document.server.listen.startswith("unix:"):
        hint = "Other machines cannot reach it: remove `tls`, or make `listen` a HOST:PORT."
        yield places.problem(("server", "tls"), "TLS on a Unix socket", hint=hint, at_key=True)


def _envoy_tls_problems(document: Document, places: Places) -> Iterator[Problem]:
    """TLS settings of Envoy and the processor must match, otherwise every request ends with 503."""
    at, tls, given = ("envoy", "processor"), document.server.tls, document.envoy.processor
    if tls is None:
        for key in ("ca_file", "server_name", "certificate_file", "key_file", "sds_folder"):
            if getattr(given, key) is not None:
                yield places.problem(
                    (*at, key), "the processor does not use TLS", hint="Remove it, or add `server.tls`."
                )
        return
    if given.ca_file is None:
        hint = "Write the path of the CA of its certificate on Envoy's machine."
        yield places.problem((*at, "ca_file"), "missing: the processor uses TLS (`server.tls`)", hint=hint)
    wanted = tls.client_ca_file is not None or given.certificate_file is not None or given.key_file is not None
    for key in ("certificate_file", "key_file"):
        if wanted and getattr(given, key) is None:
            found = "missing: Envoy needs both a certificate and its key, or neither"
            if tls.client_ca_file is not None:
                found = "missing: the processor requires a certificate from Envoy (`server.tls.client_ca_file`)"
            hint = "Write its path on Envoy's machine."
            yield places.problem((*at, key), found, hint=hint)


# --- paths that pass unread ----------------------------------------------------------------------------------------


def _allowed_path_problems(document: Document, places: Places) -> Iterator[Problem]:
    for index, rule in enumerate(document.requests.allow_paths):
        at = ("requests", "allow_paths", index)
        method, _, written = rule.partition(" ")
        path = _canonical(written)
        opens = INFERENCE_DOORS.get(path) or next(
            (what for ending, what in DOOR_ENDINGS.items() if path.endswith(ending)), ""
        )
        if opens:
            found = f"{shown(path)} {opens}, and would be forwarded unguarded and unmetered"
            yield _warning(places, at, found, "Remove it unless only trusted clients can reach this proxy.")
        elif method == "POST" and path in ENDPOINT_PATHS.values():
            found = f"{shown(path)} is guarded, and cannot be forwarded unread as well"
            yield places.problem(at, found, hint="Remove it from the list: it is served without being listed.")


def _canonical(path: str) -> str:
    """The path as a lenient server may read it: decoded, without query, repeated or trailing slashes."""
    parts = unquote(path.partition("?")[0]).lower().split("/")
    return "/" + "/".join(part for part in parts if part)


def _warning(places: Places, path: KeyPath, found: str, hint: str) -> Problem:
    return places.problem(path, found, hint=hint, severity=Severity.WARNING)
