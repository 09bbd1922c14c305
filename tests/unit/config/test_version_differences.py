"""What differs between versions is told part by part, and prompts as a unified diff."""

from __future__ import annotations

from typing import Any

from extproc.config.models import CompiledModel
from extproc.config.part_differences import PartDifference
from extproc.config.version_differences import version_difference, version_differences
from tests.unit.config.test_version_units import VERSION, models

V2: dict[str, Any] = {**VERSION, "served_model": "org/tiny-2", "prompt": {"file": "long.txt"}}
PROMPTS = {"p/system-v1.txt": "You help.\nBe brief.", "long.txt": "You help.\nBe long."}


def compiled(**versions: Any) -> dict[str, CompiledModel]:
    """A model with these versions."""
    return models(PROMPTS, **versions)


def test_two_versions() -> None:
    """Parts that are equal are not told."""
    tiny = compiled(v1=VERSION, v2=V2)["tiny"].by_name
    found = version_difference(tiny["v1"], tiny["v2"])
    assert found.parts[:2] == (
        PartDifference("served_model", "org/tiny", "org/tiny-2"),
        PartDifference("prompt.name", "system-v1.txt", "long.txt"),
    )
    assert [part.key for part in found.parts[2:]] == ["prompt.text"]
    assert found.prompt_lines == (
        "--- tiny/v1 system-v1.txt",
        "+++ tiny/v2 long.txt",
        "@@ -1,2 +1,2 @@",
        " You help.",
        "-Be brief.",
        "+Be long.",
    )


def test_two_configurations() -> None:
    """A version that is new, that has gone, that was revised, or whose weight moves; others are not told."""
    before = compiled(same=VERSION, gone=VERSION, revised=VERSION, heavier=VERSION)
    after = compiled(same=VERSION, revised=V2, heavier={**VERSION, "weight": 2}, new={**VERSION, "prompt": None})
    found = list(version_differences(before, after))
    names = [(one.before and one.before.facts.version, one.after and one.after.facts.version) for one in found]
    assert names == [("gone", None), ("revised", "revised"), ("heavier", "heavier"), (None, "new")]
    assert [len(one.parts) for one in found][1:3] == [3, 0]
    assert [bool(one.prompt_lines) for one in found] == [True, True, False, False]
