"""A metric: of the warnings that come with a configuration that is loaded again."""

from __future__ import annotations

from tests.extending.additions import Addition, Insertion

METRIC = Addition(
    {
        "extproc/sinks/metrics.py": (
            Insertion(
                "        self._guards_shown: set[str] = set()",
                """        self._config_warnings = counter(
            "llm_config_warnings_total", "Warnings of configurations that were loaded.", ()
        )
        self._config_warnings.add((), 0)
""",
            ),
            Insertion(
                "            self._reloads.add((result,))",
                '''
    def config_warned(self, warnings: int) -> None:
        """Count the warnings of a configuration that was loaded."""
        with self._lock:
            self._config_warnings.add((), warnings)
''',
            ),
        ),
        "extproc/server/operations/reload.py": (
            Insertion(
                "        versions = snapshot.versions",
                "        self._metrics.config_warned(len(files.loaded.warnings))\n",
            ),
        ),
    },
    (
        "tests/unit/sinks/test_metrics.py",
        "tests/unit/server/operations/test_reload.py",
        "tests/unit/test_words.py",
        "tests/docs/test_reference.py",
    ),
)
