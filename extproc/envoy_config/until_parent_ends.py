"""A program of its own, ``python until_parent_ends.py PARENT PROGRAM ARGUMENT...``: becomes that program, which the
system then ends when its parent dies.

Why not code between fork and exec (``preexec_fn``): other threads may hold locks there, and gRPC's handlers of a fork
print errors or crash there (github.com/grpc/grpc/issues/43055).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def main(parent: str, *command: str) -> None:
    """Ask for SIGTERM at the parent's death, then start the program."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before
        return
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
