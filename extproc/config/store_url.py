"""The URL of a database: the review queue's, the ledger's."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

StoreUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(sqlite:///[^?#]+|postgresql://.+)$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "sqlite:///PATH or postgresql://..., such as `sqlite:///review.db`",
            "environment": True,
            "relative": "sqlite",
        }
    ),
]
