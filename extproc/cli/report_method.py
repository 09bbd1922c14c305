"""Which method of allocation a report takes that has room for one."""

from __future__ import annotations

from sqlalchemy import Connection

from extproc.allocation.methods import DEFAULT_METHOD
from extproc.cli.output import refuse
from extproc.reports.gpu_sums import methods_between


def chosen_method(connection: Connection, span_us: tuple[int, int], method: str | None) -> str | None:
    """The one that is asked for, the only one, or the default one; None: nothing is allocated, and none is asked for.

    The command ends with a sentence if there is no such one.
    """
    methods = methods_between(connection, *span_us)
    if method is not None and method not in methods:
        refuse(f"extproc report: no GPU time of these days is allocated by `{method[:40]}`; run `extproc allocate`")
    if method is None and len(methods) > 1 and DEFAULT_METHOD not in methods:
        refuse(f"extproc report: GPU time is allocated by {', '.join(methods)}; name one with --method")
    if method is None and methods:
        return DEFAULT_METHOD if DEFAULT_METHOD in methods else methods[0]
    return method
