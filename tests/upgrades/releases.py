"""Releases of llm-extproc that run next to each other: this one and the next one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_MIGRATION: Final = '''"""What the next release adds."""

from alembic import op
from sqlalchemy import Column, Text

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    """Add a column and a table."""
    op.add_column("ledger_entries", Column("moon", Text, nullable=False, server_default="new"))
    op.create_table("ledger_moons", Column("moon", Text, primary_key=True))
'''


def environment_of(folder: Path) -> Mapping[str, str]:
    """With it, ``python -m extproc`` runs the package in a folder, and not that of the working directory."""
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


def this_release(folder: Path) -> Path:
    """A copy, with its bytecode where there is some. Returns: where its package is."""
    unwanted = shutil.ignore_patterns("*.so")
    shutil.copytree(ROOT / "extproc", folder / "extproc", ignore=unwanted, dirs_exist_ok=True)
    return folder


def next_release(folder: Path) -> Path:
    """This release with a migration more, and with spools of a newer format. Returns: where its package is."""
    package = this_release(folder) / "extproc"
    versions = package / "ledger" / "migrations" / "versions"
    before = max(file.stem[1:5] for file in versions.glob("v*.py"))
    revision = f"{int(before) + 1:04}"
    (versions / f"v{revision}_moons.py").write_text(_MIGRATION.format(revision=revision, before=before))
    _replace(package / "ledger" / "lines.py", "FORMAT: Final = 1", "FORMAT: Final = 2")
    return folder


def _replace(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert text.count(before) == 1, f"{file}: no `{before}`"
    file.write_text(text.replace(before, after))
