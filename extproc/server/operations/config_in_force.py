"""A checked configuration in serialized form, so that other processes need not read its files again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Self

from extproc.config.document import Document
from extproc.domain.rollouts import RolloutShare
from extproc.exchange.snapshot import Snapshot, compile_snapshot
from extproc.ledger.rollouts.state_file import share_of_json, share_to_json
from extproc.server.sockets.certificates import Certificates

ConfigMessage = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ConfigInForce:
    """One checked configuration, with prompt texts, certificates, mask keys and rollouts."""

    document: Document
    prompts: dict[str, str]
    certificates: Certificates | None = None
    mask_keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    rollouts: tuple[RolloutShare, ...] = ()

    def compiled(self) -> Snapshot:
        """The parts that exchanges need."""
        return compile_snapshot(self.document, self.prompts, self.mask_keys, self.rollouts)

    def to_message(self) -> ConfigMessage:
        """As JSON."""
        pem = self.certificates
        return {
            "document": self.document.model_dump(mode="json", exclude_unset=True),
            "written": [[list(path), text] for path, text in self.document.written.items()],
            "prompts": self.prompts,
            "certificates": None if pem is None else [_text(pem.certificate), _text(pem.key), _text(pem.client_ca)],
            "mask_keys": {name: _text(key) for name, key in self.mask_keys.items()},
            "rollouts": [share_to_json(one) for one in self.rollouts],
        }

    @classmethod
    def of_message(cls, message: ConfigMessage) -> Self:
        """The inverse of ``to_message``."""
        document = Document.model_validate_json(json.dumps(message["document"]))
        document.keep_written({tuple(path): text for path, text in message["written"]})
        pem = message["certificates"]
        return cls(
            document,
            message["prompts"],
            None if pem is None else Certificates(pem[0].encode("latin-1"), pem[1].encode("latin-1"), _bytes(pem[2])),
            {name: key.encode("latin-1") for name, key in message["mask_keys"].items()},
            tuple(map(share_of_json, message["rollouts"])),
        )


def _text(pem: bytes | None) -> str | None:
    return None if pem is None else pem.decode("latin-1")


def _bytes(pem: str | None) -> bytes | None:
    return None if pem is None else pem.encode("latin-1")
