"""A sans-io HTTP/2 server connection for gRPC: bytes in, events and bytes out; no sockets, no event loop, no clock.

Theory of operation
-------------------

It serves what Envoy opens to an external processor: long-lived connections with prior knowledge, where each exchange is
one stream of small messages in both directions. It is not a web server: no push, no priorities, and no response bodies
other than gRPC messages.

``H2Connection.receive(data, now_ns)`` reads all complete frames, updates the states below, and returns events; output
accumulates until ``take_output()``. It never raises because of a peer. A peer's error on a stream resets that stream;
an error on the connection ends the connection with GOAWAY and one last event.

Connection
    PREFACE --24 bytes--> OPEN --frames--> OPEN
    OPEN --HEADERS without END_HEADERS--> HEADERS_OPEN --CONTINUATION with END_HEADERS--> OPEN; no other frame between
    OPEN --go_away()--> DRAINING: new streams are rejected, open ones continue
    any  --connection error--> CLOSED: input is ignored

Stream (kept only until closed in both directions)
    idle --HEADERS--> OPEN --END_STREAM of the peer--> HALF_CLOSED --finish()--> closed
    OPEN --finish()--> closed, with RST_STREAM(NO_ERROR): the peer need not send the rest (RFC 9113, 8.1)
    OPEN, HALF_CLOSED --finish() with pending output--> FINISHED: input is dropped --output sent--> closed
    OPEN, HALF_CLOSED, FINISHED --RST_STREAM of either side--> closed

A stream below the highest number seen that is not kept is closed. If we reset it, DATA and trailers in flight are
counted for flow control and dropped, up to their end; otherwise they are errors. WINDOW_UPDATE, RST_STREAM and PRIORITY
are always dropped.

Events of a call: CallReceived, then any number of MessageReceived and OutputDrained, at most one CallEnded without
reset (no MessageReceived after it), at most one with reset. An incomplete message is announced first, by
MessageAnnounced. After the last CallEnded, after ``finish()``, and once ``send_message()`` has returned False, the call
gets no more events. A request that is not gRPC is not a call; it gets an HTTP status.

Flow control. Input is charged to the windows of the stream and the connection, which are updated in steps of half their
size once it is parsed into messages. A stream whose peer does not read its replies gets no updates, so the peer stops;
neither does a stream on ``hold()``. Output waits in the stream until both windows allow it; ``end_stalled()``, called
periodically, ends streams that wait too long.

Header blocks. HPACK is the library's. A block that neither inserts into the decoder's table nor resizes it, which is
what Envoy sends from its second stream on, keeps its meaning until a block that does; so its meaning is cached.

The parts: ``connection`` is input, on top of ``sending``, which is output; ``header_blocks`` assembles CONTINUATION
frames, ``headers`` decodes the result, ``rates`` limits frames per second.

Limits are in ``limits``, each with its name, unit and reason.

Source: RFC 9113, RFC 7541, the gRPC over HTTP/2 protocol description; CVE-2019-9511 to 9518, CVE-2023-44487,
CVE-2024-27316, CVE-2025-8671.
"""
