"""The section of the guard for URLs in requests and responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from extproc.config.guards.base import Around, GuardSection, On
from extproc.config.guards.judged import ALL_SPEAKERS, SpeakerName, both_ways
from extproc.config.problems import KeyPath, Places, Problem

HostName = Annotated[
    str,
    StringConstraints(pattern=r"^([^\s/@:*?#\[\]]+|\[[0-9a-fA-F:.]+\])$", max_length=253),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a host, such as `example.org`, or an IP address; subdomains are included"
        }
    ),
]
Scheme = Literal["javascript", "vbscript", "data", "file", "blob", "http", "ftp", "ftps", "ws", "wss"]


class UrlsSection(GuardSection):
    """Checks URLs by scheme and host, and whether they load an image."""

    guard: Literal["urls"]
    on: On = Field(default="both", description="direction")
    action: Literal["block", "mask", "flag", "shadow"] = Field(
        default="mask", description="reject, replace with <URL>, only report, or only count"
    )
    allow: tuple[HostName, ...] | None = Field(
        default=None, description="allowed hosts, including their subdomains; default: all"
    )
    deny: tuple[HostName, ...] = Field(default=(), description="denied hosts, even if allowed")
    ip_addresses: Literal["allow", "deny"] = Field(
        default="deny", description="allow or deny IP addresses that `allow` does not list"
    )
    schemes_deny: tuple[Scheme, ...] = Field(
        default=("javascript", "vbscript", "data", "file", "blob"), description="denied schemes"
    )
    images: Literal["as_links", "block"] = Field(
        default="as_links",
        description="treat Markdown and HTML images like links, or block them all",
    )
    speakers: tuple[SpeakerName, ...] = Field(
        default=ALL_SPEAKERS, min_length=1, description="request roles that are checked"
    )
    message: str = Field(
        default="Content blocked: it contains a URL that is not allowed here.",
        description="message for the client on block",
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A guard that permits every URL, or a host both allowed and denied."""
        restricts = self.allow is not None or self.deny or self.schemes_deny or self.images == "block"
        if not restricts and self.ip_addresses == "allow":
            hint = "Give it one of allow, deny, schemes_deny, `ip_addresses: deny`, `images: block`."
            yield places.problem(at, "the guard permits every URL, so it checks nothing", hint=hint, at_key=True)
        yield from both_ways("host", self.allow or (), self.deny, at, places)
