"""The section `gpus`: which model server has which GPUs, what they cost, and who pays while they are idle.

Money is a whole number of billionths: a price of an hour is divided by 3.6 thousand million microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field, StringConstraints

from extproc.config.section import HostPort, Name, Section, ServerName

IdleCost = Literal["own_row", "by_use", "by_reservation"]
NANO: Final = 1_000_000_000
MILLION: Final = 1_000_000

# As an endpoint of a version, or the name of a server in role guard, which has no port.
GpuEndpoint = Annotated[
    str,
    StringConstraints(pattern=r"^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(:[0-9]{1,5})?$", max_length=108),
    Field(
        json_schema_extra={
            "patternErrorMessage": "HOST:PORT, such as `vllm-a:8000`, or in role guard the name of a server",
            "environment": True,
        }
    ),
]
GpuKind = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$"),
    Field(
        json_schema_extra={"patternErrorMessage": "a kind of GPU, such as `H100-80GB`: letters, digits, `.`, `_`, `-`"}
    ),
]
HourPrice = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,6}([.][0-9]{1,9})?$"),
    Field(json_schema_extra={"patternErrorMessage": 'an amount in quotes, such as "2.50", of at most 9 decimals'}),
]
UtcTime = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"),
    Field(json_schema_extra={"patternErrorMessage": "a time in UTC, such as `2026-11-01T00:00:00Z`"}),
]
Currency = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    Field(json_schema_extra={"patternErrorMessage": "three letters of ISO 4217, such as `USD`"}),
]
NodeLabel = Annotated[
    str,
    StringConstraints(pattern=r"^([a-z0-9][a-z0-9.-]*/)?[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$", max_length=253),
    Field(json_schema_extra={"patternErrorMessage": "a label of nodes, such as `nvidia.com/gpu.product`"}),
]
ReservedBy = Annotated[str, StringConstraints(min_length=1, max_length=100)]
ReservedShare = Annotated[float, Field(ge=0.001, le=1.0)]
Watts = Annotated[int, Field(ge=1, le=100_000)]
QuotaGpus = Annotated[float, Field(ge=0.001, le=1_000_000)]
Namespace = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
    Field(json_schema_extra={"patternErrorMessage": "a namespace of Kubernetes: small letters, digits and `-`"}),
]
ExtendedResource = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$", max_length=253
    ),
    Field(json_schema_extra={"patternErrorMessage": "a resource as pods request it, such as `nvidia.com/gpu`"}),
]
DEFAULT_RESOURCE: Final = "nvidia.com/gpu"


class KubernetesGpus(Section):
    """Where the pods of model servers are. A server without `gpus` or `kind` has those of its pod."""

    namespaces: tuple[Namespace, ...] = Field(min_length=1, max_length=16, description="of the model servers")
    resource: ExtendedResource = Field(
        default=DEFAULT_RESOURCE, description="of which a pod requests as many as it has GPUs"
    )
    kind_label: NodeLabel = Field(
        default="nvidia.com/gpu.product", description="label of a node that says the kind of its GPUs"
    )


class GpuServer(Section):
    """The GPUs of a model server, or of each one behind a name."""

    endpoint: GpuEndpoint = Field(
        description="as in `endpoints` of a version, or an address behind such a name; in role guard the name of the "
        "server. Of a name with several addresses each is a server with these GPUs"
    )
    gpus: int | None = Field(
        default=None,
        ge=1,
        le=4_096,
        description="how many GPUs it holds. Default, with `kubernetes`: as its pod requests",
    )
    kind: GpuKind | None = Field(
        default=None,
        description="what they are, such as `H100-80GB`. Default, with `kubernetes`: as its node's label says",
    )
    price: Name | None = Field(
        default=None, description="what they cost: a name of `prices`. Default: the price that has their `kind`"
    )
    reserved_by: dict[ReservedBy, ReservedShare] = Field(
        default_factory=dict, description="shares of it that teams have reserved, for `idle: by_reservation`"
    )
    metrics: HostPort | None = Field(
        default=None,
        description="where its `/metrics` is. Default: at the endpoint; in role guard at the first one of "
        "`guard_version`",
    )

    @property
    def is_looked_up(self) -> bool:
        """Whether its pod says something of its GPUs."""
        return self.gpus is None or self.kind is None


class GpuPrice(Section):
    """What an hour of one GPU costs from a moment on."""

    name: Name = Field(description="name in `servers`; a price that changes stands here once for each change, in order")
    per_gpu_hour: HourPrice = Field(description="amount in `currency`, in quotes: it is read exactly")
    since: UtcTime | None = Field(
        default=None, description="from when on it applies (UTC); default: ever. A later one of the same name needs it"
    )
    kind: GpuKind | None = Field(
        default=None, description="GPUs that cost this where their server has no `price`; each kind has one name"
    )

    @property
    def nano_per_gpu_hour(self) -> int:
        """Billionths of the currency."""
        return int(Decimal(self.per_gpu_hour) * NANO)

    @property
    def since_us(self) -> int | None:
        """[us since 1970]; None: ever. Raises: ValueError: no calendar has it."""
        return None if self.since is None else time_us(self.since)


class GpuQuota(Section):
    """How many GPUs a team may use at once, on average: a number, or what Kubernetes lets a namespace request."""

    team: ReservedBy = Field(description="whose GPU time is compared with it in reports")
    gpus: QuotaGpus | None = Field(default=None, description="how many; thousandths count")
    namespace: Namespace | None = Field(
        default=None, description="instead: that of a ResourceQuota, for `extproc report --resource-quotas`"
    )
    resource: ExtendedResource | None = Field(
        default=None,
        description="with `namespace`: what pods request, such as `amd.com/gpu`; default: `nvidia.com/gpu`",
    )

    @property
    def milli_gpus(self) -> int | None:
        """Thousandths of a GPU; None: a ResourceQuota says it."""
        return None if self.gpus is None else round(self.gpus * 1_000)


class PriceChange(NamedTuple):
    """A price from a moment on. Attributes: since_us: None: ever."""

    since_us: int | None
    nano_per_gpu_hour: int


class GpusSection(Section):
    """GPUs of the model servers. With it, time of GPUs is measured, so that it can be shared by team: each server is
    asked for its metrics. Needs `ledger`.
    """

    server: ServerName | None = Field(
        default=None,
        description="role guard: name of the server next to this processor in entries, such as `${POD_NAME}`: its "
        "address is the same in all pods",
    )
    scrape_s: int = Field(default=15, ge=5, le=60, description="how often a server is asked for its metrics [s]")
    keep_days: int = Field(
        default=400,
        ge=1,
        le=3_660,
        description="how long is kept what servers said; 140 KB a day and server at most [days]",
    )
    idle: IdleCost = Field(
        default="own_row",
        description="who pays for idle time. own_row: nobody, it is a row of its own. by_use: teams, as they used the "
        "server. by_reservation: teams, as they have reserved it; the rest is a row of its own",
    )
    kubernetes: KubernetesGpus | None = Field(
        default=None, description="where the pods of servers are looked up; needs the extra `kubernetes`"
    )
    servers: tuple[GpuServer, ...] = Field(min_length=1, description="model servers and their GPUs")
    prices: tuple[GpuPrice, ...] = Field(min_length=1, description="what GPUs cost")
    currency: Currency = Field(default="USD", description="of all prices")
    watts: dict[GpuKind, Watts] = Field(
        default_factory=dict, description="power of a GPU of each kind under load, for energy by team [W]"
    )

    quotas: tuple[GpuQuota, ...] = Field(
        default=(), description="how many GPUs each team may use; reports show how much of it is used"
    )

    def changes_of(self, price: str) -> tuple[PriceChange, ...]:
        """A price over time, the oldest first; of a section that was checked."""
        return tuple(PriceChange(one.since_us, one.nano_per_gpu_hour) for one in self.prices if one.name == price)

    def price_of(self, price: str | None, kind: str) -> str:
        """The name of a server's price: its own, else that of its kind; empty: there is none."""
        return price or next((one.name for one in self.prices if one.kind == kind), "")


def reserved_millionths(server: GpuServer) -> dict[str, int]:
    """What each team has reserved [millionths of the server]."""
    return {team: round(share * MILLION) for team, share in server.reserved_by.items()}


def price_at(changes: Sequence[PriceChange], at_us: int) -> int | None:
    """What an hour of a GPU costs at a moment [billionths]; None: no price applies yet."""
    known = [one for one in changes if one.since_us is None or one.since_us <= at_us]
    return known[-1].nano_per_gpu_hour if known else None


def time_us(written: str) -> int:
    """A time in UTC [us since 1970]. Raises: ValueError: no calendar has it."""
    return int(datetime.fromisoformat(written).timestamp()) * MILLION
