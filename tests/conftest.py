"""Settings that every test shares."""

import gc
import os

from hypothesis import settings

from tests import starts

# A time limit per example would judge the machine rather than the code; pytest-timeout still ends what hangs. In CI the
# examples are the same on every run, so that a red build can be repeated; elsewhere they are other ones each time, and
# find in the course of a day what the fixed ones never will. So more of the fixed ones would only cost time.
settings.register_profile("local", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.register_profile("hunt", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "local"))

# The vectors of the small models are too short to be shared between threads, which would wait for each other busily.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure() -> None:
    """Tests start our program by the hundred."""
    starts.install()


def pytest_collection_finish() -> None:
    """What was imported stays: to look through it at each collection was a sixth of all work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def pytest_unconfigure() -> None:
    """The process that they were forked from ends."""
    starts.uninstall()
