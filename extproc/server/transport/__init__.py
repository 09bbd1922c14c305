"""From gRPC messages to sessions and back: two transports (``fast``, ``grpc``) over one session for each stream.

Imports ``wire`` and ``exchange``; of ``operations`` only health and the log.
"""
