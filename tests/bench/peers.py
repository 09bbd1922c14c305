"""LiteLLM's proxy as it guards: without guardrails, with its own content filter, with Presidio.

Each is set up by its documentation, to do what the demo's default policy does as far as it can: mask personal data in
both directions, and block injections and harm in requests. Presidio's services run in one process with the small
English model: by default they are two, with a large one.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from extproc.demo.installation import LOOPBACK
from extproc.server.sockets.free_ports import free_ports
from tests.bench.processes import child

PLAIN: Final = "litellm"
CONTENT_FILTER: Final = "litellm_content_filter"
PRESIDIO: Final = "litellm_presidio"
TITLES: Final = {
    PLAIN: "LiteLLM, no guardrails",
    CONTENT_FILTER: "LiteLLM, its content filter",
    PRESIDIO: "LiteLLM, Presidio",
}
"""By name of the subject."""
_PATTERNS: Final = ("email", "us_phone", "us_ssn", "credit_card", "iban", "ipv4", "aws_access_key", "github_token")
_CATEGORIES: Final = (
    "prompt_injection_jailbreak",
    "prompt_injection_system_prompt",
    "prompt_injection_data_exfiltration",
    "harmful_self_harm",
    "harmful_violence",
    "harmful_illegal_weapons",
    "harmful_child_safety",
)
_ENTITIES: Final = ("EMAIL_ADDRESS", "PHONE_NUMBER", "US_SSN", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS")
_PRESIDIO_SERVER: Final = Path(__file__).parent / "presidio_services.py"


@dataclass(frozen=True, slots=True)
class Proxy:
    """One that runs: its process, those that work for it, and where it listens."""

    pid: int
    helpers: tuple[int, ...]
    address: str


@contextlib.contextmanager
def litellm(name: str, program: Path, upstream: str, folder: Path, key: str) -> Iterator[Proxy]:
    """Run the proxy before a model server. Args: name: of ``TITLES``. program: of an environment that has Presidio."""
    proxy_port, presidio_port = free_ports(2)
    presidio = f"{LOOPBACK}:{presidio_port}"
    config = folder / "litellm.json"
    config.write_text(json.dumps(_configuration(name, upstream, presidio)))
    command = [str(program), "--config", str(config), "--host", LOOPBACK, "--port", str(proxy_port)]
    # Without the first, LiteLLM fetches a list of prices from the internet.
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MASTER_KEY": key}
    with contextlib.ExitStack() as running:
        helpers: tuple[int, ...] = ()
        if name == PRESIDIO:
            services = [str(program.parent / "python"), str(_PRESIDIO_SERVER), LOOPBACK, str(presidio_port)]
            helpers = (running.enter_context(child(services, presidio, folder / "presidio.log")),)
        address = f"{LOOPBACK}:{proxy_port}"
        pid = running.enter_context(child(command, address, folder / "litellm.log", environment))
        yield Proxy(pid, helpers, address)


def _configuration(name: str, upstream: str, presidio: str) -> dict[str, Any]:
    parameters = {"model": "openai/tiny-chat", "api_base": f"http://{upstream}/v1", "api_key": "none"}
    models = [{"model_name": "tiny-chat", "litellm_params": parameters}]
    guardrails = {CONTENT_FILTER: _content_filter(), PRESIDIO: _presidio(presidio)}
    chosen = [{"guardrail_name": name, "litellm_params": guardrails[name]}] if name in guardrails else []
    return {"model_list": models, "guardrails": chosen}


def _content_filter() -> dict[str, Any]:
    return {
        "guardrail": "litellm_content_filter",
        "mode": ["pre_call", "post_call"],
        "default_on": True,
        "patterns": [{"pattern_type": "prebuilt", "pattern_name": one, "action": "MASK"} for one in _PATTERNS],
        "categories": [{"category": one, "enabled": True, "action": "BLOCK"} for one in _CATEGORIES],
    }


def _presidio(address: str) -> dict[str, Any]:
    return {
        "guardrail": "presidio",
        "mode": ["pre_call", "post_call"],
        "default_on": True,
        "apply_to_output": True,
        "presidio_analyzer_api_base": f"http://{address}",
        "presidio_anonymizer_api_base": f"http://{address}",
        "pii_entities_config": dict.fromkeys(_ENTITIES, "MASK"),
    }
