"""Writes the tables of the detectors that come from other people's lists: ``make tables``.

Without options it writes the modules from the committed sources, so that the same sources give the same bytes. With
options it takes up a newer source first.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

from tests.tools.tables import gitleaks, look_alikes

_DETECTORS = Path(__file__).parents[3] / "extproc" / "detectors"
MODULES: dict[Path, Callable[[], str]] = {
    _DETECTORS / "pii" / "gitleaks_shapes.py": gitleaks.module,
    _DETECTORS / "text" / "look_alike_letters.py": look_alikes.module,
}
"""What is written, and by what."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.tables", description=__doc__)
    parser.add_argument("--gitleaks", type=Path, help="a whole gitleaks.toml, to take its rules up")
    parser.add_argument("--gitleaks-version", default="", help="the release it comes from, such as v8.30.1")
    parser.add_argument("--icu", type=int, help="the version of the ICU on this machine, to take its confusables up")
    options = parser.parse_args()
    if options.gitleaks:
        whole = options.gitleaks.read_bytes()
        sha256 = hashlib.sha256(whole).hexdigest()
        gitleaks.SOURCE.write_text(gitleaks.extract(whole.decode(), options.gitleaks_version, sha256))
    if options.icu:
        look_alikes.SOURCE.write_text(look_alikes.extract(options.icu))
    for path, written in MODULES.items():
        path.write_text(written())
        print(path.relative_to(_DETECTORS.parents[1]))


if __name__ == "__main__":
    main()
