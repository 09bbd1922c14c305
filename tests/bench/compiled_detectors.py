"""What the demo's guards cost where the path is compiled (``make compiled``), in a process of its own."""

from __future__ import annotations

from tests.bench.against import ROOT, measured_in
from tests.bench.detectors import ALL, measure_detectors
from tests.bench.figures import Figures
from tests.bench.subjects import COMPILED_FOLDER, Places


def measure_compiled_detectors(_places: Places) -> Figures:
    """``compiled_detector_us_all_TEXT``: of all guards together; nothing without a compiled build. [us]

    Raises: CommitUnusable, if the build does not run.
    """
    if not COMPILED_FOLDER.is_dir():
        return {}
    prefix = f"detector_us_{ALL}_"
    found = measured_in(COMPILED_FOLDER, measure_detectors, ROOT)
    return {f"compiled_{name}": value for name, value in found.items() if name.startswith(prefix)}
