"""Problems that ``envoy --mode validate`` misses, and settings that would let traffic bypass the guards.

Envoy accepts a processor with an unknown cluster and per-route settings of an unknown filter; both show only when a
request fails, or is not inspected. Works on any bootstrap configuration with static resources, not only on ours. The
checks are those of ``extproc doctor``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.config.document import Document
from extproc.envoy_config.doctor.check import Examined
from extproc.envoy_config.doctor.reading import model_from
from extproc.envoy_config.doctor.registry import examine


def lint(configuration: Mapping[str, Any], document: Document | None = None, *, body_bytes_max: int = 0) -> list[str]:
    """Problems of a bootstrap configuration, as sentences: where, what, how to fix it. Empty if there are none.

    Args:
        configuration: parsed YAML of a bootstrap configuration.
        document: the configuration of llm-extproc that it is for; None if it is unknown.
        body_bytes_max: largest body to buffer for the processor [bytes]; 0 if unknown.
    """
    examined = Examined(model_from([dict(configuration)]), document, body_bytes_max=body_bytes_max)
    return [f"{one.where}: {one.what} {one.fix}".rstrip() for one in examine(examined)]
