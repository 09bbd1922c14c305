"""``extproc size``: cores, memory, connections, calls and bytes that a load needs, from measured coefficients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from extproc import sizing
from extproc.cli.output import AsJson, print_json, refuse_configuration
from extproc.cli.which_config import ConfigOption, config_file_if_any
from extproc.config.document import Document
from extproc.config.problems import ConfigInvalid
from extproc.domain.token_rates import TokenRates
from extproc.server.operations.config_files import read_config
from extproc.sizing.coefficients import FILE, Coefficients
from extproc.sizing.workload import GuardLevel, LedgerPlace, LimitPlace, Workload

REQUESTS_PER_S_MAX: Final = 100_000_000.0
_SQLITE: Final = "sqlite:"
_RATES: Final = TokenRates()

app = typer.Typer(add_completion=False)


@app.command("size")
def size_command(
    requests_per_s: Annotated[
        float,
        typer.Option(
            "--requests-per-s",
            min=0.001,
            max=REQUESTS_PER_S_MAX,
            help="Requests a second, of all processors.",
        ),
    ],
    streamed: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Share of them with a streamed answer. (default: 0.8)"),
    ] = None,
    prompt_tokens: Annotated[
        int | None, typer.Option(min=0, max=10_000_000, help="Tokens of a request. (default: 500)")
    ] = None,
    answer_tokens: Annotated[
        int | None, typer.Option(min=0, max=1_000_000, help="Tokens of an answer. (default: 400)")
    ] = None,
    exchange_s: Annotated[
        float | None,
        typer.Option(
            "--exchange-s",
            min=0.001,
            max=86_400.0,
            help="Seconds that an exchange takes on average. (default: 0.5 and 1/20 a token of the answer)",
        ),
    ] = None,
    guards: Annotated[
        GuardLevel | None,
        typer.Option(help="light: pii and refusal; standard: those of `extproc init`. (default: standard)"),
    ] = None,
    limit_store: Annotated[
        LimitPlace | None, typer.Option(help="Where rate limits are counted, three a request. (default: none)")
    ] = None,
    ledger: Annotated[LedgerPlace | None, typer.Option(help="Where the ledger is. (default: none)")] = None,
    teams: Annotated[int | None, typer.Option(min=1, max=10_000_000, help="Teams. (default: 10)")] = None,
    versions: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Versions of all models. (default: 2)")
    ] = None,
    findings: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Share of exchanges to review. (default: 0.001)"),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Processes of a pod. (default: 1)")] = None,
    utilization: Annotated[
        float | None,
        typer.Option(min=0.05, max=0.9, help="Share of a core for a worker. (default: 0.6)"),
    ] = None,
    growth: Annotated[bool, typer.Option("--growth", help="Add the same mix from 100 to 10,000,000 a second.")] = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what a load needs: cores, memory, pods, calls of stores, bytes.

    Guards, limits, ledger, versions and workers are those of the configuration, if there is one; an option goes before
    it. What an exchange takes was measured on one machine; docs/scale.md says how to measure yours. Exit 2: bad
    configuration or argument.
    """
    named = config_file_if_any(config)
    load = unconfigured(requests_per_s)
    if named is not None:
        load = replace(load, **configured(_document(named), load))
    given: dict[str, Any] = {
        "streamed": streamed,
        "prompt_tokens": prompt_tokens,
        "answer_tokens": answer_tokens,
        "exchange_s": exchange_s,
        "guards": guards,
        "limit_store": limit_store,
        "ledger": ledger,
        "teams": teams,
        "versions": versions,
        "findings": findings,
        "workers": workers,
        "utilization": utilization,
    }
    load = replace(load, **{name: value for name, value in given.items() if value is not None})
    if exchange_s is None:
        load = replace(load, exchange_s=answered_s(load.answer_tokens))
    from extproc.cli.size_output import print_size, size_data
    from extproc.cli.tables import result_console

    data = size_data(load, measured(), None if named is None else str(named), growth)
    if as_json:
        print_json(data)
    else:
        print_size(result_console(), data)


def unconfigured(requests_per_s: float) -> Workload:
    """A load of which nothing else is known: tokens are as the processor assumes before it has learned."""
    plain = Workload(requests_per_s=requests_per_s, token_bytes=1 / _RATES.per_byte, exchange_s=0.0)
    return replace(plain, exchange_s=answered_s(plain.answer_tokens))


def answered_s(tokens: int) -> float:
    """How long a request takes whose answer has so many tokens [s], likewise."""
    return _RATES.wait_s + tokens / _RATES.per_second


def measured() -> Coefficients:
    """The coefficients of this release."""
    return Coefficients.of(orjson.loads(Path(sizing.__file__).with_name(FILE).read_bytes()))


def configured(document: Document, load: Workload) -> dict[str, Any]:
    """What a configuration says of a load: fields of ``Workload``. Of its policies, the one that costs most counts."""
    filters = {one.filter for one in document.filters}
    policies = document.policies if "guards" in filters else ()
    said: dict[str, Any] = {
        "guards": _costliest([tuple(one.guard for one in policy.guards) for policy in policies], load),
        "versions": max(1, sum(len(model.versions) for model in document.models.values())),
        "label_values_max": document.identity.label_values_max,
        "open_exchanges_max": document.envoy.open_exchanges_max,
        "workers": document.server.workers,
        "signals": "signals" in filters,
        "otel": document.otel is not None,
    }
    if document.identity.teams:
        said["teams"] = len(document.identity.teams)
    if document.ledger is not None:
        in_file = document.ledger.url.startswith(_SQLITE)
        said["ledger"] = LedgerPlace.SQLITE if in_file else LedgerPlace.POSTGRESQL
    if document.rate_limits is not None:
        said["limits"] = len(document.rate_limits.limits)
        said["limit_store"] = LimitPlace.MEMORY if document.rate_limits.store is None else LimitPlace.VALKEY
    return said


def _costliest(policies: Iterable[tuple[str, ...]], load: Workload) -> tuple[str, ...]:
    from extproc.sizing.processors import exchange_cpu_us

    of = measured()
    return max(policies, key=lambda one: exchange_cpu_us(replace(load, guards=one), of)["guards"], default=())


def _document(file: Path) -> Document:
    try:
        return read_config(file).loaded.document
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
