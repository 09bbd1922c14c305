"""Role egress: one attempt of an exchange, on its way to the model server of one version.

Where a version has a fallback, its exchange leaves the model's name and the system prompt open. Envoy calls the
processor again for each attempt, behind an internal listener of the version that it tries, and this sets both. The
guards have judged the body before, and the exchange in front counts it: here is no record, and the answer is not read.

Any failure ends the attempt with an error, and Envoy asks no other version: it would fail there too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from extproc.config.models import CompiledVersion, find_version
from extproc.domain.contract import (
    IDENTITY_HEADER,
    MARK_HEADER,
    MODEL_HEADER,
    ROUTE_HEADER,
    TRY_TIMEOUT_HEADER,
    VERSION_HEADER,
)
from extproc.domain.errors import ApiError, PayloadRefused
from extproc.domain.pace import UNHURRIED, Abandoned, Pace
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction
from extproc.domain.token_rates import START
from extproc.exchange import request as requests
from extproc.exchange.attempts import NOT_SENT_STATUS, TOO_LONG, VERSION_UNKNOWN
from extproc.exchange.events import (
    NO_CHANGES,
    Abort,
    ContinueBody,
    ContinueHeaders,
    Event,
    HeaderChanges,
    ImmediateResponse,
    Overloaded,
    RequestBody,
    RequestHeaders,
    Step,
    StreamClosed,
)
from extproc.exchange.failures import INTERNAL, OVERLOADED
from extproc.exchange.hops import mark_of_attempt
from extproc.exchange.identity import note_again
from extproc.exchange.learned_rates import LearnedRates
from extproc.exchange.snapshot import Snapshot
from extproc.filters.base import ExchangeContext, ExchangeFacts
from extproc.filters.version import set_served_model
from extproc.payload.dialect import Dialect
from extproc.payload.endpoints import CHAT, dialect_of_errors
from extproc.payload.request_size import size_of
from extproc.payload.view import RequestView

_OVERLOADED_STATUS: Final = 429  # not 503, by which Envoy would take the model server for broken
_FAILED_STATUS: Final = 500


class EgressExchange:
    """One attempt.

    Args:
        version: MODEL/VERSION, as Envoy's configuration has it.
        utc_s: the time now, since 1970. [s]
    """

    def __init__(
        self,
        snapshot: Snapshot,
        version: str,
        now_ns: int,
        learned_rates: LearnedRates | None = None,
        pace: Pace = UNHURRIED,
        utc_s: float = 0.0,
    ) -> None:
        self._snapshot = snapshot
        self._name = version
        self._version: CompiledVersion | None = None
        self._chosen: CompiledVersion | None = None  # in front
        self._mark: str | None = None  # that the call in front has set
        self._learned = learned_rates
        self._errors: Dialect = CHAT
        self.record = ExchangeRecord("", snapshot.revision, now_ns)
        facts = ExchangeFacts(CHAT, {}, snapshot.models, utc_s=utc_s)
        self._exchange = ExchangeContext(facts, self.record, pace=pace)
        self.awaits_request = False
        self.awaits_encoded = False

    def step(self, event: Event, now_ns: int) -> Step:
        """Process one event. Never raises, as ``Exchange.step``."""
        try:
            if isinstance(event, RequestHeaders):
                return self._read_headers(event)
            if isinstance(event, RequestBody) and self.awaits_request:
                self.awaits_request = False
                return self._send_on(event, now_ns)
        except Abandoned:
            return Step([])
        except PayloadRefused as refused:
            return self._refuse(refused.error, refused.error.status)
        except Exception as error:
            self.record.reason = INTERNAL.code
            return self._refuse(INTERNAL, _FAILED_STATUS, error)
        if isinstance(event, Overloaded):
            return self._refuse(OVERLOADED, _OVERLOADED_STATUS)
        return Step([]) if isinstance(event, StreamClosed) else Step([Abort(f"{type(event).__name__} in role egress")])

    def fail(self, reason: str, now_ns: int) -> Step:
        """End the attempt because of an external failure."""
        self.record.reason = reason
        return Step([])

    def _read_headers(self, event: RequestHeaders) -> Step:
        headers, path = event.headers, requests.path_of(event.headers)
        self._errors = dialect_of_errors(path, requests.speaks_anthropic(headers))
        self._chosen = self._chosen_before(headers)
        models = self._snapshot.routes.models_of(headers.get(ROUTE_HEADER, "")) or self._snapshot.models
        found = find_version(models, self._name)
        if found is None:
            raise PayloadRefused(_not_sent(VERSION_UNKNOWN, "The model version is not available any more."))
        dialect = requests.endpoint_of(headers, self._snapshot)
        if dialect is None or event.end:
            raise PayloadRefused(INTERNAL)
        self._version = self._exchange.choice = found[1]
        self.record.version = self._version.facts
        self.record.endpoint = dialect.name
        seen = note_again(self.record, headers, self._snapshot)
        self._refuse_provider(self._version)
        self._exchange.facts = self._exchange.facts._replace(dialect=dialect, headers=seen)
        self.awaits_request = True
        self._mark = headers.get(MARK_HEADER)
        told = tuple(name for name in (IDENTITY_HEADER, MARK_HEADER) if name in headers)
        changes = HeaderChanges(remove=told) if told else NO_CHANGES
        return Step([ContinueHeaders(Direction.REQUEST, changes)])

    def _chosen_before(self, headers: Mapping[str, str]) -> CompiledVersion | None:
        name = f"{headers.get(MODEL_HEADER, '')}/{headers.get(VERSION_HEADER, '')}"
        route = headers.get(ROUTE_HEADER, "")
        found = find_version(self._snapshot.models, name)
        return self._snapshot.routes.chosen(route, name) or (None if found is None else found[1])

    def _refuse_provider(self, version: CompiledVersion) -> None:
        """Raises: PayloadRefused if its provider does not serve this API, or may not have the texts.

        The policy is that of the version that was chosen: its guards have judged the texts.
        """
        rules = self._snapshot.data_rules
        for one in (version, self._chosen or version):
            error = rules.error(self.record, one.facts, version.provider)
            if error is not None:
                raise PayloadRefused(_not_sent(error.code, error.message))

    def _send_on(self, event: RequestBody, now_ns: int) -> Step:
        """Set the version's own parts of the request. Raises: PayloadRefused, and as filters do."""
        exchange, version = self._exchange, self._version
        if version is None:
            raise AssertionError("an unknown version is refused at its headers")
        request = exchange.facts.dialect.read_request(event.body, self._snapshot.requests)
        set_served_model(request, version)
        prompts = [one for one in (*self._snapshot.first_filters, *self._snapshot.last_filters) if one.inserts_prompt]
        requests.run_filters(prompts, request, exchange, self._snapshot)
        if self._is_too_long(request, version):
            raise PayloadRefused(_not_sent(TOO_LONG.code, TOO_LONG.message))
        after = request.body_after()
        limit_ms = self._limit_ms(request, version)
        put = [(TRY_TIMEOUT_HEADER, str(limit_ms))] if limit_ms else []
        mark = mark_of_attempt(self._mark, event.body, after, exchange, self._snapshot, now_ns)
        if mark:
            put.append((MARK_HEADER, mark))
        changes = HeaderChanges(tuple(put))
        return Step([ContinueBody(Direction.REQUEST, after if after != event.body else None, changes)])

    def _is_too_long(self, request: RequestView, version: CompiledVersion) -> bool:
        """Whether the version's context is too short for the request and the answer that it asks for."""
        if version.context_tokens_max is None or request.unread:
            return False
        size = size_of(request, self._exchange.facts.dialect)
        rates = START if self._learned is None else self._learned.of(version.facts, self.record.endpoint)
        return rates.prompt_tokens(size) + size.answer_tokens_max > version.context_tokens_max

    def _limit_ms(self, request: RequestView, version: CompiledVersion) -> int:
        """The time until response headers, by the fallback of the version that was chosen; 0: none.

        The last version of a chain has none: where nobody else is left, the client may as well wait.
        """
        fallback = None if self._chosen is None else self._chosen.fallback
        if fallback is None or fallback.chain[-1] == version.name:
            return 0
        return fallback.first_byte_ms if request.streamed else fallback.unstreamed_first_byte_ms

    def _refuse(self, error: ApiError, status: int, cause: Exception | None = None) -> Step:
        reply = ImmediateResponse(
            status, self._errors.error_body(error), error.code, "", retry_after_s=error.retry_after_s
        )
        return Step([reply], error=cause)


def _not_sent(code: str, message: str) -> ApiError:
    return ApiError(NOT_SENT_STATUS, "invalid_request_error", code, message)
