"""Certificate authorities of tests, and what they sign, as PEM."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import trustme

from extproc.server.sockets.certificates import Certificates

LAST_YEAR = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
NAME = "processor.example"


@dataclass(frozen=True)
class Identity:
    """A certificate with those that signed it, and its key."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> None:
        """As ``NAME.crt`` and ``NAME.key``."""
        (folder / f"{name}.crt").write_bytes(self.certificate)
        (folder / f"{name}.key").write_bytes(self.key)


class Authority:
    """A CA of its own, or one that another has signed."""

    def __init__(self, above: Authority | None = None) -> None:
        self._ca: trustme.CA = trustme.CA() if above is None else above._ca.create_child_ca()
        self.pem = self._ca.cert_pem.bytes()

    def issue(self, *names: str, expired: bool = False, hours_left: int | None = None) -> Identity:
        """A certificate for ``names``, by default for NAME and 127.0.0.1."""
        before = LAST_YEAR + datetime.timedelta(days=30) if expired else None
        if hours_left is not None:
            before = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours_left)
        after = LAST_YEAR if expired else None
        leaf = self._ca.issue_cert(*(names or (NAME, "127.0.0.1")), not_before=after, not_after=before)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        return Identity(chain, leaf.private_key_pem.bytes())

    def server(self, *, clients_of: Authority | None = None) -> Certificates:
        """What a server of this CA's uses; with ``clients_of`` it asks for that CA's certificates."""
        identity = self.issue()
        return Certificates(identity.certificate, identity.key, clients_of.pem if clients_of else None)
