"""Each module of the path has a test of its name, in the mirrored folder: who changes one finds what holds it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from extproc.detectors.pii import kinds

ROOT = Path(__file__).parents[2]
PATH = ("domain", "wire", "payload", "detectors", "filters", "exchange", "server/transport")
"""The packages that each message goes through."""
KINDS_TEST = "detectors/pii/test_kinds.py"
"""It tries every kind of every module that ``kinds`` lists."""

DATA = "data without code"
PROTOCOL = "a protocol, or a base class of nothing but"
ELSEWHERE = {
    "detectors/answers/refusal_phrases.py": "a table: `unit/detectors/answers/test_refusal.py`",
    "detectors/harm/abuse.py": "tables: `unit/detectors/harm/test_signs.py`",
    "detectors/harm/aims.py": "tables: `unit/detectors/harm/test_signs.py`",
    "detectors/harm/english.py": "a table: `unit/detectors/harm/test_detector.py`",
    "detectors/harm/languages.py": "a table: `unit/detectors/harm/test_detector.py`",
    "detectors/harm/topics.py": "tables: `unit/detectors/harm/test_signs.py`",
    "detectors/injection/patterns.py": "a table: `unit/detectors/injection/test_detector.py`",
    "detectors/pii/gitleaks_shapes.py": "a generated table: `unit/test_tables.py`",
    "detectors/pii/id_numbers.py": "with all validators of numbers: `unit/detectors/pii/test_number_oracles.py`",
    "detectors/pii/ids_elsewhere.py": "with all validators of numbers: `unit/detectors/pii/test_number_oracles.py`",
    "detectors/pii/ids_of_europe.py": "with all validators of numbers: `unit/detectors/pii/test_number_oracles.py`",
    "detectors/pii/kind.py": DATA,
    "detectors/pii/postal_cues.py": "what it reads before addresses: `unit/detectors/pii/test_postal_addresses.py`",
    "detectors/pii/postal_parts.py": "patterns of addresses: `unit/detectors/pii/test_postal_addresses.py`",
    "detectors/pii/private_keys.py": "the patterns of one stage: `unit/filters/test_private_keys.py`",
    "detectors/text/look_alike_letters.py": "a generated table: `unit/test_tables.py`",
    "detectors/text/scanned.py": PROTOCOL,
    "domain/classification.py": DATA,
    "domain/finding.py": DATA,
    "domain/hop_results.py": DATA,
    "domain/reasons.py": DATA,
    "domain/rollouts.py": DATA,
    "exchange/events.py": DATA,
    "exchange/request_steps.py": "the rows of a table, which is played row by row: `playbooks/test_phases.py`",
    "exchange/response.py": PROTOCOL,
    "exchange/response_steps.py": "the rows of a table, which is played row by row: `playbooks/test_phases.py`",
    "exchange/stream_terms.py": DATA,
    "filters/asking.py": "what it asks, and when: `playbooks/test_unsure_texts.py`",
    "server/transport/fast/health.py": "both transports are asked alike: `unit/server/transport/test_transports.py`",
    "server/transport/fast/server.py": "both transports are asked alike: `unit/server/transport/test_transports.py`",
    "server/transport/grpc/server.py": "both transports are asked alike: `unit/server/transport/test_transports.py`",
    "server/transport/services.py": PROTOCOL,
    "server/transport/h2/events.py": DATA,
    "server/transport/h2/streams.py": DATA,
}
"""Modules without a test of their name, each with the reason, and with the test that holds it if it has code."""


def modules() -> list[str]:
    """Every module of the path, as a file below ``extproc``."""
    found = [file for package in PATH for file in (ROOT / "extproc" / package).rglob("*.py")]
    return sorted(str(file.relative_to(ROOT / "extproc")) for file in found if file.name != "__init__.py")


def places_of(module: str) -> list[Path]:
    """Where its test may be: in the mirrored folder, or of the exchange among the playbooks."""
    folder, name = Path(module).parent, f"test_{Path(module).name}"
    places = [ROOT / "tests" / "unit" / folder / name]
    if module.startswith("exchange/"):
        places.append(ROOT / "tests" / "playbooks" / name)
    if module in kind_modules():
        places.append(ROOT / "tests" / "unit" / KINDS_TEST)
    return places


def kind_modules() -> set[str]:
    """The modules whose kinds of personal data are listed."""
    return {f"detectors/pii/{name}.py" for name, value in vars(kinds).items() if inspect.ismodule(value)}


def test_every_module_has_a_test_of_its_name() -> None:
    """Or a reason why it has none; no reason outlives the module, or the lack of a test."""
    assert len(modules()) > 150
    without = {module for module in modules() if not any(place.exists() for place in places_of(module))}
    assert sorted(without) == sorted(ELSEWHERE)


@pytest.mark.parametrize("module", ELSEWHERE)
def test_a_reason_names_what_there_is(module: str) -> None:
    """The tests that hold a module under another name."""
    reason = ELSEWHERE[module]
    named = re.findall(r"`([^`]+)`", reason)
    assert named or reason in (DATA, PROTOCOL)
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []
