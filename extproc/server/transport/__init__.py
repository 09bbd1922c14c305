"""Sessions over gRPC messages: two transports (``fast``, ``grpc``), with one session per stream.

Imports ``wire`` and ``exchange``; of ``operations`` only health and the log.
"""
