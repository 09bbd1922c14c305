"""A sans-io HTTP/2 server connection for gRPC: bytes in, events and bytes out; no sockets, no event loop, no clock.

Theory of operation
-------------------

It serves what Envoy opens to an external processor: long-lived connections with prior knowledge, on which each exchange
is one stream of small messages in both directions. It is not a web server: no push, no priorities, no response bodies
but gRPC messages.

``H2Connection.receive(data, now_ns)`` reads as many frames as are complete, changes the states below, and returns
events; what is to be sent gathers in ``take_output()``. It never raises for anything a peer does. A peer's mistake on a
stream resets that stream; a mistake on the connection ends the connection with GOAWAY and a last event; never more.

Connection
    PREFACE --24 bytes--> OPEN --frames--> OPEN
    OPEN --HEADERS without END_HEADERS--> HEADERS_OPEN --CONTINUATION with END_HEADERS--> OPEN; nothing may come between
    OPEN --go_away()--> DRAINING: new streams are refused, old ones go on
    any  --connection error--> CLOSED: nothing is read any more

Stream (kept only while it is not closed in both directions)
    idle --HEADERS--> OPEN --END_STREAM of the peer--> HALF_CLOSED --finish()--> closed
    OPEN --finish()--> closed, with RST_STREAM(NO_ERROR): the peer need not send the rest (RFC 9113, 8.1)
    OPEN, HALF_CLOSED --finish() while output waits--> FINISHED: what comes in is dropped --output gone--> closed
    OPEN, HALF_CLOSED, FINISHED --RST_STREAM of either side--> closed

A stream with a lower number than the highest seen, and not kept, is closed. If it was we who reset it, DATA and
trailers that were under way are counted for flow control and dropped, up to the end that they bring; else they are
faults. WINDOW_UPDATE, RST_STREAM and PRIORITY are always dropped.

Events of a call: CallReceived, then MessageReceived and OutputDrained in any number, at most one CallEnded without
reset (after it no MessageReceived), at most one with reset. A message that does not come whole is announced before, by
MessageAnnounced. After the last CallEnded, after ``finish()``, and once ``send_message()`` has said false, nothing more
is told of the call. A request that is no gRPC is no call; it is answered with a status of HTTP.

Flow control. What comes in is charged to the stream's and the connection's window and given back in halves once it is
read into messages. A stream whose replies the peer does not take gets nothing back, so that the peer stops; nor does
one on ``hold()``. What goes out waits in the stream until its window and the connection's allow it;
``end_stalled()``, called once in a while, ends the streams that wait in vain.

Header blocks. HPACK is the library's. A block that neither inserts into the decoder's table nor resizes it, which is
what Envoy sends from its second stream on, means the same until one comes that does; so its meaning is remembered.

The parts: ``connection`` is what comes in, on top of ``sending``, which is what goes out; ``header_blocks`` puts
CONTINUATION together, ``headers`` reads the result, ``rates`` counts what must not come too often.

Limits are in ``limits``, each with its name, its unit and its reason.

Source: RFC 9113, RFC 7541, the gRPC over HTTP/2 protocol description; CVE-2019-9511 to 9518, CVE-2023-44487,
CVE-2024-27316, CVE-2025-8671.
"""
