"""All kinds of personal data. Detector, configuration, documentation and tests are made from this list."""

from __future__ import annotations

from typing import Final

from extproc.detectors.pii import (
    account_numbers,
    birth_dates,
    credentials,
    emails,
    network_addresses,
    phone,
    wallets,
)
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.national_ids import NATIONAL_ID_KINDS
from extproc.detectors.pii.postal_addresses import POSTAL_ADDRESS

BEFORE_NATIONAL_IDS: Final[tuple[PiiKind, ...]] = (
    *credentials.KINDS,
    *emails.KINDS,
    account_numbers.IBAN,
    *wallets.KINDS,
    *network_addresses.KINDS,
)
BEHIND_NATIONAL_IDS: Final[tuple[PiiKind, ...]] = (
    account_numbers.CREDIT_CARD,
    account_numbers.US_SSN,
    *birth_dates.KINDS,
    *phone.KINDS,
)
"""In order of precedence: a span of an earlier kind is never given to a later one."""

KINDS: Final[tuple[PiiKind, ...]] = (*BEFORE_NATIONAL_IDS, *BEHIND_NATIONAL_IDS)
"""All but national ids, which are found in one pass, and private keys and addresses, which are longer than a cell."""

PRIVATE_KEY: Final = "PRIVATE_KEY"
NATIONAL_ID: Final = "NATIONAL_ID"

IMPLIED: Final = {one.name: one.implies for one in KINDS if one.implies} | {NATIONAL_ID: frozenset(NATIONAL_ID_KINDS)}
"""Kinds implied by another kind."""

DEFAULT_ENTITIES: Final = (*(one.name for one in KINDS if one.by_default), PRIVATE_KEY, NATIONAL_ID)
"""What a guard looks for if the configuration names no kinds."""

ENTITIES: Final = (
    *DEFAULT_ENTITIES,
    *(one.name for one in KINDS if not one.by_default),
    POSTAL_ADDRESS,
    *sorted(NATIONAL_ID_KINDS),
)
"""Every kind that may be requested."""
