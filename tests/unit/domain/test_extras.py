"""What an extra needs, held against the package's own metadata; and the command that installs it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from extproc.domain.extras import MODULES, how_to_install, missing_modules

ROOT = Path(__file__).parents[3]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_every_extra_that_is_named_exists() -> None:
    """pip ignores an extra that a package does not have, with a warning."""
    assert set(MODULES) <= set(EXTRAS)


def test_modules_that_are_not_installed() -> None:
    """Those alone."""
    assert missing_modules(("json", "no_such_module")) == ["no_such_module"]
    assert missing_modules(("json.decoder", "no_such_module.inner")) == ["no_such_module.inner"]


def test_the_command_is_of_the_python_that_runs() -> None:
    """Another pip would install for another Python, or not find llm-extproc, which is on no index."""
    assert how_to_install("review") == f"Install it: {sys.executable} -m pip install 'llm-extproc[review]'"


@pytest.mark.parametrize(
    ("extra", "file"), [("demo", "./packages/demo"), ("packaged", "dist/llm_extproc_models-*.whl")]
)
def test_a_package_of_the_repository_is_installed_from_its_file(extra: str, file: str) -> None:
    """It is on no index either."""
    assert f" -m pip install {file} 'llm-extproc[{extra}]'" in how_to_install(extra)


def test_an_extra_with_a_package_of_the_repository_is_known_as_one() -> None:
    """A new one is noticed."""
    ours = {name for name, needs in EXTRAS.items() if any(one.startswith("llm-extproc-") for one in needs)}
    assert {
        name for name in ours if " 'llm" in how_to_install(name) and "install '" not in how_to_install(name)
    } == ours
