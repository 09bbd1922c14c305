"""What an ended exchange is, in words of the conventions, for its span and for metrics."""

from __future__ import annotations

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.tracing.names import OPERATIONS, OWN_SERVER

_NO_ERROR = frozenset({Outcome.COMPLETED, Outcome.CUT, Outcome.PASSED, Outcome.ANSWERED})
_OTHER = "_OTHER"


def operation_of(record: ExchangeRecord) -> str | None:
    """``gen_ai.operation.name``; None: it is no call of a model."""
    return OPERATIONS.get(record.endpoint)


def provider_of(record: ExchangeRecord) -> str:
    """``gen_ai.provider.name``: whose API is spoken."""
    return OWN_SERVER if record.version is None else record.version.provider or OWN_SERVER


def request_model_of(record: ExchangeRecord) -> str:
    """The model that the client named; empty if nothing has that name: then it is any text."""
    return record.asked_model if record.version is not None else ""


def error_of(record: ExchangeRecord) -> str:
    """``error.type``: the code of our error, the status of the model server, or how it ended; empty: no error."""
    if record.outcome in _NO_ERROR:
        return ""
    if record.outcome is Outcome.UPSTREAM_ERROR and not record.reason:
        return str(record.status or _OTHER)
    if record.outcome is Outcome.LOCAL_REPLY:
        return record.local_reply.partition("{")[0] or _OTHER
    return record.reason or record.outcome.value
