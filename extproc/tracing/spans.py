"""The spans of an ended exchange: one for itself, and one each for the processor's work on request and response.

They are built from the record, as the official SDK reads spans. Nothing of this runs in the path.
"""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from extproc.domain.record import ExchangeRecord
from extproc.domain.signals import AnswerSignals
from extproc.domain.text import Direction
from extproc.domain.trace_context import TraceContext
from extproc.tracing import names
from extproc.tracing.content import MessageMaker
from extproc.tracing.ended import error_of, operation_of, provider_of, request_model_of

Attributes = dict[str, AttributeValue]
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET = Status(StatusCode.UNSET)
_ERROR = Status(StatusCode.ERROR)
_NS = 1e-9
_NOT_ZERO = 4


class SpanMaker:
    """Makes spans. Args: scope: who has made them; messages: of the texts, None if spans have none."""

    def __init__(self, resource: Resource, scope: InstrumentationScope, messages: MessageMaker | None) -> None:
        self._resource = resource
        self._scope = scope
        self._messages = messages

    def of(self, record: ExchangeRecord, to_wall_ns: int) -> list[ReadableSpan]:
        """The spans of one exchange; none if it is not sampled, or no call of a model.

        Args: to_wall_ns: what to add to its times, to have them since 1970 [ns].
        """
        trace, operation = record.trace, operation_of(record)
        if trace is None or not trace.sampled or operation is None:
            return []
        state = TraceState.from_header([trace.state]) if trace.state else TraceState()
        context = SpanContext(trace.trace_id, trace.span_id, is_remote=False, trace_flags=_SAMPLED, trace_state=state)
        parent = None
        if trace.parent_span_id:
            parent = SpanContext(trace.trace_id, trace.parent_span_id, is_remote=True, trace_flags=_SAMPLED)
        model = request_model_of(record)
        texts = () if self._messages is None else self._messages.of(record)
        exchange = ReadableSpan(
            f"{operation} {model}" if model else operation,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes=dict(_attributes(record, operation, model)) | dict(texts),
            events=_attempts(record, to_wall_ns),
            kind=SpanKind.CLIENT,
            status=_ERROR if error_of(record) else _UNSET,
            start_time=record.started_ns + to_wall_ns,
            end_time=max(record.ended_ns, record.started_ns) + to_wall_ns,
            instrumentation_scope=self._scope,
        )
        return [exchange, *self._work(record, trace, context, to_wall_ns)]

    def _work(
        self, record: ExchangeRecord, trace: TraceContext, context: SpanContext, to_wall_ns: int
    ) -> Iterator[ReadableSpan]:
        work = record.work
        if work is None or not record.policy:
            return
        if work.request_began_ns:
            times = work.request_began_ns, work.request_ended_ns, work.request_took_ns
            yield self._child(record, trace, context, Direction.REQUEST, times, to_wall_ns)
        if work.response_began_ns and record.response_began:
            times = work.response_began_ns, work.response_ended_ns, work.response_took_ns
            yield self._child(record, trace, context, Direction.RESPONSE, times, to_wall_ns)

    def _child(
        self,
        record: ExchangeRecord,
        trace: TraceContext,
        context: SpanContext,
        direction: Direction,
        times: tuple[int, int, int],
        to_wall_ns: int,
    ) -> ReadableSpan:
        began_ns, ended_ns, took_ns = times
        is_request = direction is Direction.REQUEST
        number = 1 if is_request else 2
        child = SpanContext(
            trace.trace_id,
            (trace.span_id ^ number) or _NOT_ZERO,
            is_remote=False,
            trace_flags=_SAMPLED,
            trace_state=context.trace_state,
        )
        return ReadableSpan(
            names.GUARD_REQUEST_SPAN if is_request else names.GUARD_RESPONSE_SPAN,
            context=child,
            parent=context,
            resource=self._resource,
            attributes={
                names.POLICY: record.policy,
                names.TEXTS: record.text_counts.get(direction.value, 0),
                names.COVERAGE: _coverage(record, direction.value),
                names.WORK_TIME: took_ns * _NS,
            },
            events=list(_found(record, direction.value, ended_ns + to_wall_ns)),
            kind=SpanKind.INTERNAL,
            status=_UNSET,
            start_time=began_ns + to_wall_ns,
            end_time=ended_ns + to_wall_ns,
            instrumentation_scope=self._scope,
        )


def _attributes(record: ExchangeRecord, operation: str, model: str) -> Iterator[tuple[str, AttributeValue]]:
    version, error = record.version, error_of(record)
    yield names.OPERATION, operation
    yield names.PROVIDER, provider_of(record)
    yield names.OUTCOME, record.outcome.value
    yield names.EXCHANGE, record.id
    yield names.REVISION, record.revision
    for name, text in (
        (names.REQUEST_MODEL, model),
        (names.ERROR_TYPE, error),
        (names.TEAM, record.team),
        (names.PROJECT, record.project),
        (names.BUDGET_CODE, record.budget_code),
        (names.TIER, record.tier),
        (names.USE_CASE, record.tag),
        (names.USER_HASH, record.user),
        (names.ROUTE, record.route),
        (names.POLICY, record.policy),
    ):
        if text:
            yield name, text
    if record.status:
        yield names.STATUS_CODE, record.status
    if record.streamed:
        yield names.REQUEST_STREAM, True
        if record.first_text_ns:
            yield names.TIME_TO_FIRST_CHUNK, (record.first_text_ns - record.started_ns) * _NS
    if version is not None:
        yield names.VERSION, version.name
        yield names.FINGERPRINT, version.fingerprint
        if version.prompt:
            yield names.PROMPT_NAME, version.prompt
        if record.response_began:
            yield names.RESPONSE_MODEL, version.model
    if record.finish_reasons:
        yield names.FINISH_REASONS, record.finish_reasons
    if record.refusals:
        yield names.REFUSALS, record.refusals
    yield from _usage(record)
    if record.signals is not None:
        yield from _signals(record.signals)


def _usage(record: ExchangeRecord) -> Iterator[tuple[str, AttributeValue]]:
    usage = record.usage
    if usage is None:
        return
    yield names.INPUT_TOKENS, usage.prompt
    yield names.OUTPUT_TOKENS, usage.completion
    yield names.ESTIMATED, usage.estimated
    yield names.COST, record.cost_micro_usd
    if usage.cached:
        yield names.CACHED_TOKENS, usage.cached
    if usage.reasoning:
        yield names.REASONING_TOKENS, usage.reasoning


def _signals(signals: AnswerSignals) -> Iterator[tuple[str, AttributeValue]]:
    for name, value in signals.values.items():
        yield f"{names.SIGNAL}{name}", value
    for name, (hits, _) in signals.rates().items():
        yield f"{names.SIGNAL}{name}", hits


def _attempts(record: ExchangeRecord, to_wall_ns: int) -> list[Event]:
    """Envoy lists its attempts in the headers of the response: so this is the time of all of them."""
    work = record.work
    told_ns = record.ended_ns if work is None else work.response_began_ns or record.ended_ns
    return [
        Event(
            names.ATTEMPT_EVENT,
            {names.ATTEMPT_NUMBER: number, names.VERSION: one.version, names.ATTEMPT_REASON: one.reason},
            told_ns + to_wall_ns,
        )
        for number, one in enumerate(record.attempts, 1)
    ]


def _coverage(record: ExchangeRecord, direction: str) -> tuple[str, ...]:
    return tuple(
        sorted(
            f"{guard} {what.value} {texts}" for (guard, of, what), texts in record.coverage.items() if of == direction
        )
    )


def _found(record: ExchangeRecord, direction: str, at_ns: int) -> Iterator[Event]:
    for (guard, of, action), times in record.verdicts.items():
        if of == direction:
            yield Event(names.VERDICT_EVENT, {names.GUARD: guard, names.ACTION: action, names.TIMES: times}, at_ns)
    for (guard, of, kind), times in record.findings.items():
        if of == direction:
            yield Event(names.FINDING_EVENT, {names.GUARD: guard, names.KIND: kind, names.TIMES: times}, at_ns)
