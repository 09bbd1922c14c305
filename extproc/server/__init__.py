"""Everything with sockets, threads and signals.

``transport`` speaks to Envoy, ``workers`` are several processes behind one address, ``operations`` is what operators
see: files, log, health, pages.
"""

import os

# gRPC's core writes lines of its own to the standard error stream, which is a log of JSON lines. It reads this when it
# is imported first, so it stands before every module that does.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
