"""What clients, Envoy and the processor agree on is spelled in one place, and complete there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from extproc.domain.contract import ENDPOINT_PATHS, INTERNAL_HEADER_PREFIX, Endpoint
from extproc.payload.endpoints import ENDPOINTS

PACKAGE = Path(__file__).parents[3] / "extproc"
SPELLED_ELSEWHERE = {"/v1/chat/completions": {"cli/explain.py"}}
"""Defaults of commands, which help shows."""


def test_every_endpoint_has_a_path_and_a_dialect() -> None:
    """By one name."""
    assert tuple(ENDPOINT_PATHS) == get_args(Endpoint)
    assert [dialect.name for dialect in ENDPOINTS.values()] == list(ENDPOINT_PATHS)
    assert list(ENDPOINTS) == list(ENDPOINT_PATHS.values())


def test_no_other_module_spells_a_name_of_the_contract() -> None:
    """Two spellings differ one day, and only a real Envoy would notice. The demo is a client, and may."""
    names = {*ENDPOINT_PATHS.values(), INTERNAL_HEADER_PREFIX}
    literal = re.compile(rf'"({"|".join(map(re.escape, sorted(names, key=len, reverse=True)))})[a-z-]*"')
    for file in PACKAGE.rglob("*.py"):
        path = file.relative_to(PACKAGE).as_posix()
        if path == "domain/contract.py" or path.startswith(("demo/", "_pb/")):
            continue
        spelled = set(literal.findall(file.read_text()))
        assert {name for name in spelled if path not in SPELLED_ELSEWHERE.get(name, ())} == set(), path
