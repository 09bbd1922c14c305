"""What Envoy refuses by itself reaches the client, and what proxies and long lists of headers bring is served.

Raw bytes through the demo's configuration on a real Envoy.
"""

from __future__ import annotations

import json

import pytest

from extproc.envoy_config.listener import REQUEST_HEADERS_MAX
from tests.e2e.apis import CHAT, MESSAGES, Api
from tests.e2e.harness import Stack, wait_until
from tests.e2e.measured import Measured
from tests.e2e.raw_http import Connection, RawAnswer

pytestmark = pytest.mark.transport

MAIL = b"jane.doe@example.com"
BODY = json.dumps(CHAT.request(f"Mail {MAIL.decode()}")).encode()
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNKED = b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
ADDED_HEADERS_MAX = 10  # by Envoy and by us


def head(version: str = "1.1", path: str = CHAT.path) -> bytes:
    """The beginning of a request: four headers with the pseudo headers' and a length."""
    return f"POST {path} HTTP/{version}\r\nhost: x\r\ncontent-type: application/json\r\n".encode()


def many(count: int, name: str = "x-own", path: str = CHAT.path) -> bytes:
    """A request with that many headers on its wire."""
    more = b"".join(b"%b-%d: 1\r\n" % (name.encode(), number) for number in range(count - 3))
    return head(path=path) + LENGTH + more + b"\r\n" + BODY


@pytest.fixture(autouse=True)
def _seen_anew(stack: Stack) -> None:
    """What the shared model servers saw before is forgotten."""
    for model in stack.models.values():
        model.seen.clear()


def bodies_seen(stack: Stack) -> list[bytes]:
    """What reached any model server."""
    return [seen.body for model in stack.models.values() for seen in model.seen]


def answer_to(stack: Stack, request: bytes) -> RawAnswer:
    """What a client reads that sends these bytes. Raises: ConnectionError where it reads nothing."""
    with Connection(stack) as client:
        client.send(request)
        return client.answer()


# --- Envoy's own refusals ------------------------------------------------------------------------------------------

MALFORMED = {
    "a name with an underscore": (head() + LENGTH + b"x_a: b\r\n\r\n" + BODY, 400),
    "two lengths": (head() + LENGTH + b"content-length: 5\r\n\r\n" + BODY, 400),
    "a length that is none": (head() + b"content-length: x\r\n\r\n" + BODY, 400),
    "a length and chunks": (head() + LENGTH + CHUNKED, 400),
    "an encoding that nobody knows": (head() + b"transfer-encoding: xchunked\r\n\r\n", 501),
    "a blank in a name": (head() + b"x a: b\r\n\r\n", 400),
    "no request at all": (b"garbage\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /v1/models\r\n\r\n", 400),
    "no host": (head().replace(b"host: x\r\n", b"") + LENGTH + b"\r\n" + BODY, 400),
    "an escaped slash": (head(path="/v1%2fmodels") + LENGTH + b"\r\n" + BODY, 400),
    "too many headers": (many(REQUEST_HEADERS_MAX + 1), 431),
    "far too many headers": (many(1_000), 431),
    "a header of 70 KB": (head() + LENGTH + b"x-own: " + b"a" * 70_000 + b"\r\n\r\n" + BODY, 431),
    "HTTP/1.0 with a length and chunks": (head("1.0") + LENGTH + CHUNKED, 400),
    "HTTP/1.0 without a host": (head("1.0").replace(b"host: x\r\n", b"") + LENGTH + b"\r\n" + BODY, 400),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_refusal_of_envoys_reaches_the_client(stack: Stack, name: str) -> None:
    """real-vllm F6: the client read nothing, since the filter waited for the processor while the connection closed."""
    request, status = MALFORMED[name]
    answer = answer_to(stack, request)
    assert answer.status == status
    assert answer.document["error"]["type"] == "invalid_request_error"
    assert answer.document["error"]["message"].startswith("The ")
    assert bodies_seen(stack) == []


# --- HTTP/1.0 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", [LENGTH + b"\r\n" + BODY, CHUNKED], ids=["length", "chunked"])
def test_a_proxy_that_speaks_http_1_0_is_served_and_guarded(stack: Stack, framing: bytes) -> None:
    """real-vllm F6: nginx speaks it to its upstreams by default. The answer is not chunked, and its end closes."""
    with Connection(stack) as client:
        client.send(head("1.0") + framing)
        answer = client.answer()
        assert client.closed()
    assert (answer.status, "transfer-encoding" in answer.headers) == (200, False)
    assert answer.document["object"] == "chat.completion"
    (body,) = bodies_seen(stack)
    assert MAIL not in body


def test_a_stream_over_http_1_0_comes_whole(stack: Stack) -> None:
    """As it is, up to its last event."""
    body = json.dumps(CHAT.request("Hi", stream=True)).encode()
    answer = answer_to(stack, head("1.0") + b"content-length: %d\r\n\r\n" % len(body) + body)
    assert answer.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("framing", [LENGTH + b"\r\n" + BODY, CHUNKED], ids=["length", "chunked"])
def test_http_1_0_carries_one_request_a_connection(stack: Stack, framing: bytes) -> None:
    """Whatever follows is dropped: two parsers cannot disagree on where a second request begins."""
    with Connection(stack) as client:
        client.send((head("1.0") + b"connection: keep-alive\r\n" + framing) * 2)
        assert client.answer().status == 200
        assert client.closed()
    assert len(bodies_seen(stack)) == 1


# --- many headers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [88, 90, 98, 100, REQUEST_HEADERS_MAX - ADDED_HEADERS_MAX])
def test_a_request_with_many_headers_is_served(stack: Stack, count: int) -> None:
    """real-vllm F6: from 88 on it was a 503 that invites to retry, since two of ours came on top."""
    assert answer_to(stack, many(count)).status == 200
    assert len(bodies_seen(stack)) == 1


@pytest.mark.parametrize("api", [CHAT, MESSAGES], ids=lambda api: api.name)
@pytest.mark.parametrize("name", ["x-own", "x-stainless"])
def test_a_request_whose_headers_leave_no_room_for_ours_is_a_431(stack: Stack, name: str, api: Api) -> None:
    """Also where the processor does not get them: the client is told what to mend, and not to retry."""
    measured = Measured(stack)
    answer = answer_to(stack, many(REQUEST_HEADERS_MAX - 2, name, api.path))
    assert answer.status == 431
    assert answer.document["error"]["type"] == "invalid_request_error"
    assert str(REQUEST_HEADERS_MAX) in answer.document["error"]["message"]
    assert bodies_seen(stack) == []
    wait_until(measured.outcomes, "the exchange has ended")
    assert measured.outcomes() == {"aborted": 1}
