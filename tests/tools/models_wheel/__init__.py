"""Makes the wheel ``llm-extproc-models`` from the sources that packages/models/sources.toml records."""
