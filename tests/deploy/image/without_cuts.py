"""A plugin of pytest: modules that the image does not have cannot be imported, as in the image."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from deploy.image.cuts import CUTS, DISTRIBUTIONS, files_of, found_by, packages_of

PACKAGES = packages_of(Path(sys.prefix))
OF_TESTS = frozenset({"attr", "attrs"})
"""What tests need themselves: Hypothesis and jsonschema stand on attrs."""


class CutFinder:
    """Refuses what is cut."""

    def __init__(self) -> None:
        whole = [path for name in DISTRIBUTIONS for path in files_of(name, PACKAGES)]
        parts = [path for cut in CUTS if cut.pattern.startswith("kubernetes/") for path in found_by(cut, PACKAGES)]
        parts += [PACKAGES / "numpy" / "f2py", *PACKAGES.glob("*/testing/__init__.py")]
        kept = PACKAGES / "numpy" / "testing"
        self.gone = {path for path in (*whole, *parts) if path.name not in OF_TESTS and kept not in path.parents}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Never a module of its own. Raises: ModuleNotFoundError."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            if not self.gone.isdisjoint((origin, *origin.parents)):
                raise ModuleNotFoundError(f"{name} is not in the image", name=name)
        return None


sys.meta_path.insert(0, CutFinder())
