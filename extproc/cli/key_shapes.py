"""The shapes of what ``extproc keys`` prints with ``--json``."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

KeyState = Literal["active", "rotated", "expired", "revoked"]


class ApiKeyJson(TypedDict):
    """A key, without anything from which it could be guessed."""

    id: Annotated[str, "its name in logs"]
    team: Annotated[str, "its team"]
    project: Annotated[str | None, "null: none"]
    budget_code: Annotated[str | None, "null: none"]
    tier: Annotated[str | None, "null: none"]
    may_claim_projects: Annotated[list[str], "projects that it may name in a header; `*`: any"]
    may_claim_budget_codes: Annotated[list[str], "likewise, budget codes"]
    state: Annotated[KeyState, "now; rotated: the key before is still taken"]
    created: Annotated[str | None, "when; null: not known"]
    expires: Annotated[str | None, "when; null: never"]
    revoked: Annotated[str | None, "when; null: not"]
    previous_until: Annotated[str | None, "until when the key before is taken; null: there is none"]


class ApiKeysJson(TypedDict):
    """``keys list``."""

    file: Annotated[str, "the file of keys"]
    keys: Annotated[list[ApiKeyJson], "in its order"]


class NewApiKeyJson(TypedDict):
    """``keys add`` and ``keys rotate``."""

    file: Annotated[str, "the file of keys"]
    key: Annotated[str, "the key itself, which is shown only here"]
    added: Annotated[ApiKeyJson, "what the file says of it"]


class RevokedApiKeyJson(TypedDict):
    """``keys revoke``."""

    file: Annotated[str, "the file of keys"]
    revoked: Annotated[ApiKeyJson, "what the file says of it"]
