"""Base class, string types and shared vocabulary of all configuration sections."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# A pattern does not count above 64, `max_length` does: an automaton has states for each character that it counts.
# `patternErrorMessage` replaces the pattern in messages of editors and `extproc check`. `environment` marks keys that
# read environment variables, `relative` those that are relative to the file that holds them.
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a name: 1 to 63 letters, digits, `.`, `_`, `-` or `/`, the first a letter or digit"
        }
    ),
]
# What vLLM calls a model may be the path of a folder; Ollama's names have a colon.
ModelName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9/][a-zA-Z0-9._:@+/-]*$", max_length=128),
    Field(
        json_schema_extra={
            "patternErrorMessage": (
                "the name of a model: 1 to 128 letters, digits, `.`, `_`, `-`, `/`, `:`, `@` or `+`, the first a "
                "letter, a digit or `/`"
            )
        }
    ),
]
VersionName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9/][a-zA-Z0-9._:@+/-]*$", max_length=192),
    Field(json_schema_extra={"patternErrorMessage": "the name of a model version, MODEL/VERSION"}),
]
HeaderName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a header name: 1 to 63 lower-case letters, digits or `-`, such as `x-team`"
        }
    ),
]
HostPort = Annotated[
    str,
    StringConstraints(pattern=r"^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+):[0-9]{1,5}$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "HOST:PORT, such as `127.0.0.1:8001` or `[::1]:8001`",
            "environment": True,
        }
    ),
]
ListenAddress = Annotated[
    str,
    StringConstraints(pattern=r"^(unix:/.+|(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+):[0-9]{1,5})$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "unix:/PATH or HOST:PORT, such as `unix:/run/extproc.sock`",
            "environment": True,
        },
    ),
]
PathRule = Annotated[
    str,
    StringConstraints(pattern=r"^(GET|HEAD|POST|PUT|DELETE|OPTIONS) /[!-~]*$"),
    Field(json_schema_extra={"patternErrorMessage": "METHOD /PATH, such as `GET /v1/models`"}),
]
FilePath = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00]+$"),
    Field(json_schema_extra={"patternErrorMessage": "the path of a file", "environment": True, "relative": "path"}),
]
EnvoysPath = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00]+$"),
    Field(json_schema_extra={"patternErrorMessage": "the path of a file", "environment": True}),
]
FolderPath = Annotated[
    str,
    StringConstraints(pattern=r"^/[^\x00]*$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "the absolute path of a folder, such as `/models/guard`",
            "environment": True,
        }
    ),
]
IncludedPath = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00]+$"),
    Field(json_schema_extra={"patternErrorMessage": "the path of a file"}),
]
ServerName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9.:-]+$", max_length=253),
    Field(json_schema_extra={"patternErrorMessage": "a DNS name or an IP address", "environment": True}),
]


class Section(BaseModel):
    """A configuration block: unknown keys are rejected, values are never coerced, instances are immutable."""

    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True, frozen=True)


class Mode(StrEnum):
    """Shadow decides and counts, but changes nothing."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class OnError(StrEnum):
    """Effect of a filter's own failure: end the exchange, or continue without the filter."""

    CLOSED = "closed"
    OPEN = "open"
