"""The request half: whether a path is allowed, how a body is read, and how the filters process it.

Everything here raises ``PayloadRefused`` for errors that the client must fix, and ``FilterFailed`` for internal ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from extproc.config.route_conditions import RouteFacts
from extproc.domain.contract import (
    ENDPOINT_HEADER,
    IDENTITY_HEADER,
    INTERNAL_HEADER_PREFIX,
    MODEL_HEADER,
    MODELS_PATH,
    ROUTE_HEADER,
    VERSION_HEADER,
)
from extproc.domain.errors import ApiError, PayloadRefused, refuse
from extproc.domain.identity import CallerIdentity
from extproc.domain.pace import Abandoned, Stride
from extproc.domain.record import Coverage, ExchangeRecord
from extproc.domain.text import Direction
from extproc.exchange.clean_texts import CleanTexts
from extproc.exchange.ending import note_skipped, why_not_checked
from extproc.exchange.endpoint_picks import EndpointPick
from extproc.exchange.events import ContinueBody, HeaderChanges
from extproc.exchange.meant_paths import base_url_hint, meant_path
from extproc.exchange.policies import CompiledPolicy, choose_policy
from extproc.exchange.snapshot import Snapshot
from extproc.filters.base import ExchangeContext, Filter, Guard
from extproc.filters.chain import Channels, note_failure
from extproc.payload.dialect import Dialect
from extproc.payload.encoding import ENCODINGS, BadEncoding, decoder
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.model_names import name_body, names_body, unknown_model
from extproc.payload.view import RequestView, TextField

# These headers control vLLM's scheduler and caches; clients must not set them. Source: vLLM 0.32.
STEERING_HEADERS: Final = frozenset(
    {"x-vllm-priority", "x-session-id", "x-data-parallel-rank", "endpoint-load-metrics-format"}
)
_ASK_PLAIN: Final = (("accept-encoding", "identity"),)
OTHER: Final = "other"
PASSED: Final = "passed"
MODELS: Final = "models"
_ANTHROPIC_HEADER: Final = "anthropic-version"
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})


def path_of(headers: Mapping[str, str]) -> str:
    """The path without its query."""
    return headers.get(":path", "").partition("?")[0]


def speaks_anthropic(headers: Mapping[str, str]) -> bool:
    """Whether the client uses Anthropic's API."""
    return _ANTHROPIC_HEADER in headers


def models_body(headers: Mapping[str, str], record: ExchangeRecord, snapshot: Snapshot) -> bytes | None:
    """The reply to a request for the names that a client may request; None for any other request.

    Raises: PayloadRefused.
    """
    path = path_of(headers)
    if not path.startswith(MODELS_PATH) or headers.get(":method", "") != "GET" or not snapshot.lists_models:
        return None
    name = path.removeprefix(f"{MODELS_PATH}/")
    if name == path != MODELS_PATH:
        return None
    names = snapshot.routes.names_for(RouteFacts("", "", record.team, record.tier, record.tag, headers))
    if path == MODELS_PATH:
        return names_body(names, speaks_anthropic(headers))
    if name in names:
        return name_body(name, speaks_anthropic(headers))
    raise PayloadRefused(unknown_model(name, names))


def refuse_unread_body(headers: Mapping[str, str], ends: bool) -> None:
    """Refuse a body where none is expected: it would be forwarded unread. Raises: PayloadRefused (400)."""
    if not ends and headers.get(":method", "") in _WITHOUT_BODY:
        raise refuse(400, "body_not_allowed", "A GET has no body here. Send the request without one.")


def endpoint_name(headers: Mapping[str, str]) -> str:
    """The endpoint label of a path, allowed or not: a dialect's name, or ``other``."""
    dialect = ENDPOINTS.get(path_of(headers))
    return dialect.name if dialect is not None else OTHER


def endpoint_of(headers: Mapping[str, str], snapshot: Snapshot) -> Dialect | None:
    """The dialect of a request; None for a path that is forwarded unread. Raises: PayloadRefused (403 to 405, 415)."""
    method, path = headers.get(":method", ""), path_of(headers)
    if f"{method} {path}" in snapshot.allowed:
        return None
    dialect = ENDPOINTS.get(path)
    if dialect is None:
        raise _unknown_path(path, snapshot)
    if method != "POST":
        raise refuse(405, "method_not_allowed", "Only POST is allowed on this path.")
    refuse_content_type(headers)
    return dialect


def _unknown_path(path: str, snapshot: Snapshot) -> PayloadRefused:
    meant = meant_path(path, snapshot.lists_models or f"GET {MODELS_PATH}" in snapshot.allowed)
    if meant is not None:
        message = f"Nothing is served at this path. Did you mean {meant}? {base_url_hint(meant)}"
        return refuse(404, "path_not_found", message)
    message = "This path is not allowed here. Write it exactly as the API's documentation does."
    return refuse(403, "path_not_allowed", message)


def refuse_content_type(headers: Mapping[str, str]) -> None:
    """Refuse a body that is no JSON, or encoded as nothing is here. Raises: PayloadRefused (415)."""
    media, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise refuse(415, "unsupported_content_type", "Send the body as content-type application/json, in UTF-8.")
    if headers.get("content-encoding", "identity").lower() not in ENCODINGS | {"identity"}:
        raise refuse(415, "unsupported_content_encoding", "Send the body uncompressed, or as gzip, deflate or br.")


def content_length(headers: Mapping[str, str]) -> int | None:
    """The declared length of a body; None if it is not declared. [bytes]"""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def refuse_length(headers: Mapping[str, str], snapshot: Snapshot) -> None:
    """Refuse a body by its declared length, before it is sent. Raises: PayloadRefused (413)."""
    length = content_length(headers)
    if length is not None and length > snapshot.limits.request_body_bytes_max:
        raise _too_large(snapshot)


def _too_large(snapshot: Snapshot) -> PayloadRefused:
    return refuse(413, "request_too_large", f"The body is larger than {snapshot.limits.request_body_bytes_max} bytes.")


def header_changes(headers: Mapping[str, str], dialect: Dialect | None) -> HeaderChanges:
    """Remove internal and steering headers, which clients must not set. Request responses without compression."""
    remove = [name for name in headers if name.startswith(INTERNAL_HEADER_PREFIX)]
    if not STEERING_HEADERS.isdisjoint(headers):
        remove += [name for name in headers if name in STEERING_HEADERS]
    plain = _ASK_PLAIN if dialect is not None and "accept-encoding" in headers else ()
    return HeaderChanges(plain, tuple(remove))


def plain_body(body: bytes, headers: Mapping[str, str], snapshot: Snapshot) -> bytes:
    """The body after content decoding. Raises: PayloadRefused (400, 413)."""
    limits = snapshot.limits
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        plain = decoder(encoding, limits.decompression_ratio_max, limits.request_body_bytes_max)
        try:
            body = plain.feed(body)
            plain.close()
        except BadEncoding as error:
            raise refuse(400, "invalid_content_encoding", f"The body cannot be decoded: {error}.") from None
    if len(body) > limits.request_body_bytes_max:
        raise _too_large(snapshot)
    return body


def refuse_choices(request: RequestView, dialect: Dialect, snapshot: Snapshot) -> None:
    """Refuse more choices than would be read, before the model generates them. Raises: PayloadRefused (400)."""
    choices_max = snapshot.limits.channels_max
    if dialect.generates and request.choices > choices_max:
        message = f"More than {choices_max} choices are requested. Lower n, or send fewer prompts at once."
        raise refuse(400, "too_many_choices", message, "n")


def forward(
    after: bytes,
    before: bytes,
    exchange: ExchangeContext,
    pick: EndpointPick | None = None,
    caller: CallerIdentity | None = None,
) -> ContinueBody:
    """The command that forwards the request: its body if changed, its destination, and whose it is.

    Args: caller: told to the call in role egress; None: nobody is told.
    """
    headers: list[tuple[str, str]] = []
    choice = exchange.choice
    if choice is not None:
        headers += [(MODEL_HEADER, choice.facts.model), (VERSION_HEADER, choice.facts.version)]
        if exchange.is_egressed and exchange.record.route:
            headers.append((ROUTE_HEADER, exchange.record.route))
        if caller is not None:
            headers.append((IDENTITY_HEADER, caller.to_text()))
    if pick is not None:
        headers.append((ENDPOINT_HEADER, pick.endpoint))
    remove = ("content-encoding",) if "content-encoding" in exchange.facts.headers else ()
    return ContinueBody(
        Direction.REQUEST,
        after if after != before else None,
        HeaderChanges(tuple(headers), remove),
        clear_route_cache=True,
        metadata=_metadata(exchange.record),
    )


def _metadata(record: ExchangeRecord) -> dict[str, str | int]:
    """The caller and the requested model, for Envoy's access log and rate limits."""
    facts: dict[str, str | int] = {
        "team": record.team,
        "project": record.project,
        "tier": record.tier,
        "tag": record.tag,
        "endpoint": record.endpoint,
        "exchange": record.id,
    }
    if record.user:
        facts["user"] = record.user
    if record.key_id:
        facts["key_id"] = record.key_id
    if record.route:
        facts["route"] = record.route
    if record.version is not None:
        facts["model"] = record.version.model
        facts["version"] = record.version.version
        facts["fingerprint"] = record.version.fingerprint
    return facts


def choose_guards(request: RequestView, exchange: ExchangeContext, snapshot: Snapshot) -> CompiledPolicy:
    """Run the filters before the guards on the request, and choose the policy whose guards check it.

    Raises: PayloadRefused with the error of the filter that refused; FilterFailed.
    """
    run_filters(snapshot.first_filters, request, exchange, snapshot)
    policy = choose_policy(snapshot.policies, exchange.record, request.model or "")
    exchange.record.policy = policy.name
    return policy


def judge(
    request: RequestView,
    exchange: ExchangeContext,
    snapshot: Snapshot,
    policy: CompiledPolicy,
    clean_texts: CleanTexts | None = None,
) -> None:
    """Run the guards of the policy and the filters after them on the request. Raises: as ``choose_guards``."""
    try:
        # a text is remembered as clean of all guards of its policy, so not where some are skipped
        if clean_texts is None or not policy.request_guards or policy.skipped:
            _run_guards(policy, request, exchange, snapshot)
        else:
            new = clean_texts.recognize(f"{snapshot.revision} {policy.name}", request.texts)
            _run_guards(policy, request, exchange, snapshot)
            if not exchange.failed_open:
                clean_texts.remember(new)
        run_filters(snapshot.last_filters, request, exchange, snapshot)
    finally:
        if exchange.record.texts is not None:
            for field in request.texts:
                exchange.record.note_text(field.source, field.text)


def run_filters(filters: Sequence[Filter], request: RequestView, exchange: ExchangeContext, snapshot: Snapshot) -> None:
    """Run filters that are no guards on the request. Raises: as ``choose_guards``."""
    for owner in filters:
        error = _judge(owner, request, exchange, snapshot)
        if error is not None:
            raise PayloadRefused(error)


def _run_guards(policy: CompiledPolicy, request: RequestView, exchange: ExchangeContext, snapshot: Snapshot) -> None:
    """Like ``run_filters``; on any outcome, each text is accounted for at each guard that checks requests."""
    judged: set[str] = set()
    try:
        for guard in policy.guards:
            judged.add(guard.name)
            error = _judge(guard, request, exchange, snapshot)
            if error is not None:
                raise PayloadRefused(error)
        for guard in policy.request_guards:
            _pass_on(guard, request, exchange)
    except Abandoned:
        judged.discard(guard.name)
        raise
    finally:
        exchange.record.text_counts[Direction.REQUEST.value] = len(request.texts) + len(request.unread)
        for guard in policy.request_guards:
            _cover(guard, request, exchange, ended=guard.name not in judged)
        if policy.skipped:
            note_skipped(policy.skipped, Direction.REQUEST, exchange.record)


def _pass_on(guard: Guard, request: RequestView, exchange: ExchangeContext) -> None:
    """Let a guard change a request that has passed. Raises: FilterFailed."""
    if guard.name in exchange.failed_open:
        return
    try:
        guard.on_passed(request, exchange)
    except Exception as failure:
        note_failure(guard, exchange, failure)


def _cover(guard: Guard, request: RequestView, exchange: ExchangeContext, ended: bool) -> None:
    record, direction = exchange.record, Direction.REQUEST.value
    fields = [field for field in request.texts if guard.applies_to(field.source)]
    known = sum([field.known_clean for field in fields]) if guard.judges_each_alone and not ended else 0
    failed = why_not_checked(guard, exchange)
    outcome = Coverage.SKIPPED_ENDED if ended else failed or Coverage.CHECKED
    if ended or failed or not guard.judges_out_of_band:  # otherwise it accounts for them when their verdict is known
        record.note_coverage(guard.name, direction, outcome, len(fields) - known)
    record.note_coverage(guard.name, direction, Coverage.SKIPPED_KNOWN, known)
    record.note_coverage(guard.name, direction, Coverage.SKIPPED_SOURCE, len(request.texts) - len(fields))
    record.note_coverage(guard.name, direction, Coverage.SKIPPED_UNREADABLE, len(request.unread))


def _judge(owner: Filter, request: RequestView, exchange: ExchangeContext, snapshot: Snapshot) -> ApiError | None:
    try:
        exchange.pace.check()
        error = owner.on_request(request, exchange)
        if error is not None or Direction.REQUEST not in owner.directions:
            return error
        alone = owner.judges_each_alone
        fields = [field for field in request.texts if not (alone and field.known_clean)]
        if not owner.might_match_any([(field.source, field.text) for field in fields]):
            return None
    except Exception as failure:
        note_failure(owner, exchange, failure)
        return None
    channels = Channels((owner,), exchange, snapshot.limits.channels_max)
    stride = Stride(exchange.pace)
    for field in fields:
        if not _goes_on(stride, field, owner, exchange):
            return None
        chain = channels.new_chain(field.source)
        found_before = exchange.record.finding_count
        request.replace_text(field, chain.judge(field.text))
        field.found = field.found or exchange.record.finding_count != found_before
        if chain.rejected_by is not None:
            return owner.rejection()
    return None


def _goes_on(stride: Stride, field: TextField, owner: Filter, exchange: ExchangeContext) -> bool:
    """Whether there is time for one more text; a filter that has used it up has failed. Raises: FilterFailed."""
    try:
        stride.take(field.text)
    except Exception as failure:
        note_failure(owner, exchange, failure)
        return False
    return True
