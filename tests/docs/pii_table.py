"""The table of the kinds of personal data, made from their entries."""

from __future__ import annotations

from extproc.detectors.pii.kinds import KINDS, NATIONAL_ID, PRIVATE_KEY
from extproc.detectors.pii.national_ids import NATIONAL_ID_KINDS
from extproc.detectors.pii.postal_addresses import ABOUT, POSTAL_ADDRESS

_HEAD = "| entity | what it is | what counts as its beginning |\n|---|---|---|"


def pii_kinds_table() -> str:
    """One row for each kind, and one for all national ids."""
    rows = [_row(kind.name, kind.about, kind.begins) for kind in KINDS]
    blocks = "private key blocks, masked whole, in arguments of tools that are no JSON too; the key is never kept"
    rows.append(_row(PRIVATE_KEY, blocks, "its first line, and 8 characters of the key"))
    rows.append(_row(POSTAL_ADDRESS, ABOUT, "street and house number, if a word says that it is a street"))
    countries = {name.partition("_")[0] for name in NATIONAL_ID_KINDS if "_" in name}
    ids = ", ".join(f"`{name}`" for name in sorted(NATIONAL_ID_KINDS))
    begins = "8 characters (two thirds of a short one; without a word before it all but two)"
    rows.append(
        _row(NATIONAL_ID, f"ids of {len(countries)} countries, and passports, each an entity too: {ids}", begins)
    )
    return "\n".join([_HEAD, *rows])


def _row(name: str, about: str, begins: str) -> str:
    return f"| `{name}` | {about} | {begins} |"
