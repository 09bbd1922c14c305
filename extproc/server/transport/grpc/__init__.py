"""The transport on grpc.aio, for features that ours lacks, and as a reference."""

import os

# gRPC's core logs to stderr, which is a log of JSON lines. It reads this setting on first import,
# so it precedes every module that imports grpc.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
