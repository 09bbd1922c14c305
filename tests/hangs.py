"""How long a test waits for what must come.

This guards against a hang. It is no claim of how fast something is: a busy machine takes many times as long as an idle
one. ``tests/unit/test_hangs.py`` finds tests with limits of their own.
"""

from typing import Final

HANG_S: Final = 100.0
"""Less than pytest waits for a test, which could not say what it waited for."""
