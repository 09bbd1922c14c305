"""Settings that every test shares."""

import os

from hypothesis import settings

# A time limit per example would judge the machine rather than the code; pytest-timeout still ends what hangs. In CI the
# examples are the same on every run, so that a red build can be repeated; elsewhere they are other ones each time, and
# half as many.
settings.register_profile("local", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("hunt", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "local"))
