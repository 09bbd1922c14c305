"""The transport on grpc.aio, for what ours does not do, and to compare with."""

import os

# gRPC's core writes lines of its own to the standard error stream, which is a log of JSON lines. It reads this when it
# is imported first, so it stands before every module that does.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
