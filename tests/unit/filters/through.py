"""Requests and channels of answers through some filters."""

from __future__ import annotations

import json
from typing import Any

from extproc.domain.text import Kind
from extproc.exchange.request import choose_guards, judge
from extproc.filters.base import ExchangeContext
from extproc.filters.chain import Channels
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestPolicy, RequestView, response_source
from tests.playbooks.driver import snapshot_of
from tests.unit.filters.fakes import exchange_of


def filtered(fields: dict[str, Any], *filters: dict[str, Any]) -> tuple[RequestView, ExchangeContext]:
    """A chat's request after some filters."""
    compiled = snapshot_of(*filters)
    exchange = exchange_of(compiled.models, {"x-pin": "v2"})
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], **fields}
    request = CHAT.read_request(json.dumps(body).encode(), RequestPolicy(json_depth_max=64))
    judge(request, exchange, compiled, choose_guards(request, exchange, compiled))
    return request, exchange


def judged(pieces: list[str], kind: Kind, *filters: dict[str, Any]) -> tuple[str, ExchangeContext]:
    """One channel of an answer through some filters."""
    exchange = exchange_of()
    chain = Channels(snapshot_of(*filters).policies[-1].response_filters, exchange, 10).chain(response_source(kind, 0))
    return "".join(chain.feed(piece) for piece in pieces) + chain.close(), exchange
