"""Metrics of the conventions, counted by the official SDK from ended exchanges."""

from __future__ import annotations

from opentelemetry.metrics import Histogram, Meter
from opentelemetry.util.types import AttributeValue

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.sinks.bounded_labels import BoundedLabels
from extproc.tracing import names
from extproc.tracing.ended import error_of, operation_of, provider_of, request_model_of

ERRORS_MAX = 100
"""Distinct values of ``error.type``; more count as ``other``."""
_NS = 1e-9
_SUCCESSFUL = frozenset({Outcome.COMPLETED, Outcome.CUT})


class Measures:
    """Counts exchanges. Args: label_values_max: distinct models that clients name; more count as ``other``."""

    def __init__(self, meter: Meter, label_values_max: int) -> None:
        self._models = BoundedLabels(label_values_max, admitted_max=label_values_max)
        self._errors = BoundedLabels(ERRORS_MAX, admitted_max=ERRORS_MAX)
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE,
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BUCKETS,
        )
        self._duration = _seconds(
            meter, names.OPERATION_DURATION, "From the request to the end of the response.", names.DURATION_BUCKETS
        )
        self._server = _seconds(
            meter,
            names.SERVER_DURATION,
            "From sending the request to a model server to the end of the response.",
            names.DURATION_BUCKETS,
        )
        self._first_token = _seconds(
            meter,
            names.SERVER_FIRST_TOKEN,
            "From sending the request to a model server to the first text of its stream.",
            names.FIRST_TOKEN_BUCKETS,
        )
        self._per_token = _seconds(
            meter,
            names.SERVER_PER_TOKEN,
            "From first to last text of a stream, per token after the first.",
            names.PER_TOKEN_BUCKETS,
        )

    def count(self, record: ExchangeRecord) -> None:
        """Count one exchange, if it is a call of a model."""
        operation = operation_of(record)
        if operation is None or record.counted_in_front:
            return
        common: dict[str, AttributeValue] = {names.OPERATION: operation, names.PROVIDER: provider_of(record)}
        model = request_model_of(record)
        if model:
            common[names.REQUEST_MODEL] = self._models.bound(model, record.ended_ns)
        if record.version is not None and record.response_began:
            common[names.RESPONSE_MODEL] = record.version.model
        usage = record.usage
        if usage is not None:
            self._tokens.record(usage.prompt, {**common, names.TOKEN_TYPE: "input"})
            self._tokens.record(usage.completion, {**common, names.TOKEN_TYPE: "output"})
        error = error_of(record)
        timed = {**common, names.ERROR_TYPE: self._errors.bound(error, record.ended_ns)} if error else common
        self._duration.record((record.ended_ns - record.started_ns) * _NS, timed)
        if not record.sent_ns:
            return
        self._server.record((record.ended_ns - record.sent_ns) * _NS, timed)
        if record.outcome in _SUCCESSFUL and record.first_text_ns:
            self._first_token.record((record.first_text_ns - record.sent_ns) * _NS, common)
            if usage is not None and usage.completion > 1:
                between_s = (record.last_text_ns - record.first_text_ns) * _NS
                self._per_token.record(between_s / (usage.completion - 1), common)


def _seconds(meter: Meter, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
    return meter.create_histogram(name, "s", text, explicit_bucket_boundaries_advisory=buckets)
