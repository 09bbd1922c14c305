"""Prices are exact, also while they change; GPUs are no part of what a version is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.document import Document
from extproc.config.gpus import (
    GpuPrice,
    GpuQuota,
    GpuServer,
    GpusSection,
    PriceChange,
    price_at,
    reserved_millionths,
)
from extproc.config.load import load
from extproc.config.models import compile_models
from extproc.config.problems import ConfigInvalid
from tests.unit.config.test_bad_files import BASE

GPUS = """
ledger: {}
gpus:
  servers:
    - { endpoint: "127.0.0.1:8001", gpus: 2, kind: H100-80GB, price: h100 }
    - { endpoint: "127.0.0.1:8002", gpus: 1, kind: H100-80GB, price: h100 }
  prices: [{ name: h100, per_gpu_hour: "2.50" }]
"""


def document(text: str, environment: dict[str, str] | None = None) -> Document:
    """A document that is right."""
    return load(text, "test.yaml", environment=environment or {}).document


def prices(*written: tuple[str | None, str]) -> GpusSection:
    """A section with the changes of one price."""
    server = GpuServer(endpoint="a:1", gpus=1, kind="L4", price="l4")
    changes = tuple(GpuPrice(name="l4", per_gpu_hour=amount, since=since) for since, amount in written)
    return GpusSection(servers=(server,), prices=(*changes, GpuPrice(name="other", per_gpu_hour="9")))


@pytest.mark.parametrize(
    ("written", "nano"),
    [
        ("0", 0),
        ("2.50", 2_500_000_000),
        ("0.1", 100_000_000),
        ("2.675", 2_675_000_000),
        ("0.000000001", 1),
        ("999999.999999999", 999_999_999_999_999),
    ],
)
def test_a_price_is_exact(written: str, nano: int) -> None:
    """In billionths."""
    assert GpuPrice(name="l4", per_gpu_hour=written).nano_per_gpu_hour == nano


@given(st.decimals(min_value=0, max_value=999_999, places=9, allow_nan=False))
def test_no_price_is_rounded(amount: Decimal) -> None:
    """Whatever nine decimals can say."""
    assert GpuPrice(name="l4", per_gpu_hour=f"{amount:f}").nano_per_gpu_hour == amount * 1_000_000_000


def test_a_price_that_changes_applies_from_its_moment_on() -> None:
    """To the second; before the first one there is none."""
    changes = prices(("2026-11-01T00:00:00Z", "2.50"), ("2026-11-15T12:00:00Z", "2.20")).changes_of("l4")
    noon_us = 1_794_744_000_000_000
    assert changes == (
        PriceChange(1_793_491_200_000_000, 2_500_000_000),
        PriceChange(noon_us, 2_200_000_000),
    )
    assert price_at(changes, noon_us - 1) == 2_500_000_000
    assert price_at(changes, noon_us) == 2_200_000_000
    assert price_at(changes, 0) is None
    assert price_at(prices((None, "2.50")).changes_of("l4"), 0) == 2_500_000_000


def test_reserved_shares_are_whole_millionths() -> None:
    """Three thirds are no more than the server."""
    third = GpuServer(endpoint="a:1", gpus=1, kind="L4", price="l4", reserved_by=dict.fromkeys("abc", 1 / 3))
    assert reserved_millionths(third) == {"a": 333_333, "b": 333_333, "c": 333_333}


@given(st.integers(1, 1_000_000_000))
def test_a_quota_is_of_whole_thousandths(milli_gpus: int) -> None:
    """Whatever is written with three decimals is exact; of a namespace there is no number."""
    assert GpuQuota(team="search", gpus=milli_gpus / 1_000).milli_gpus == milli_gpus
    assert GpuQuota(team="search", namespace="search").milli_gpus is None


def test_gpus_and_their_prices_are_no_part_of_a_version() -> None:
    """Its fingerprint stays, and so does what was learned of it; the configuration is another revision."""
    without, with_gpus = document(BASE), document(GPUS + BASE)
    dearer = document(GPUS.replace("2.50", "3.10") + BASE)
    fingerprints = [
        [version.facts.fingerprint for model in compile_models(one, {}).values() for version in model.versions]
        for one in (without, with_gpus, dearer)
    ]
    assert fingerprints[0] == fingerprints[1] == fingerprints[2]


GUARD = """
role: guard
guard_version: tiny/v1
ledger: {}
models:
  tiny: { versions: { v1: { weight: 1, price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 } } } }
filters: [{ filter: meter }]
gpus:
  server: ${POD_NAME}
  servers: [{ endpoint: "${POD_NAME}", gpus: 1, kind: L4, price: l4, metrics: "127.0.0.1:8000" }]
  prices: [{ name: l4, per_gpu_hour: "0.70" }]
"""


def test_a_guard_has_its_name_from_its_pod() -> None:
    """All pods have one configuration."""
    gpus = document(GUARD, {"POD_NAME": "vllm-7"}).gpus
    assert gpus is not None
    assert (gpus.server, gpus.servers[0].endpoint) == ("vllm-7", "vllm-7")


@pytest.mark.parametrize("key", ["server: other", "server: ${OTHER}"])
def test_a_message_does_not_tell_what_a_variable_holds(key: str) -> None:
    """It says what the file says."""
    text = GUARD.replace("server: ${POD_NAME}", key)
    with pytest.raises(ConfigInvalid) as refused:
        document(text, {"POD_NAME": "vllm-7", "OTHER": "hidden-name"})
    shown = "${OTHER}" if "$" in key else "other"
    assert f"`gpus.servers` has no `{shown}`. Add an entry" in str(refused.value)
    assert "hidden-name" not in str(refused.value)


def test_addresses_behind_a_name_may_be_listed() -> None:
    """A version has the name; a server is known by its address."""
    named = BASE.replace('["127.0.0.1:8001"]', '["vllm-a:8001"]')
    assert load(GPUS.replace("127.0.0.1:8001", "10.0.0.7:8001") + named, "test.yaml").warnings == ()
    refused: Any = pytest.raises(ConfigInvalid, match=r"no version has `10.0.0.7:8001`")
    with refused:
        load(GPUS.replace("127.0.0.1:8001", "10.0.0.7:8001") + BASE, "test.yaml")


PODS = """
ledger: {}
gpus:
  kubernetes: { namespaces: [batch] }
  servers:
    - { endpoint: "127.0.0.1:8001" }
    - { endpoint: "127.0.0.1:8002", kind: L4, price: mine }
  prices:
    - { name: h100, kind: H100, per_gpu_hour: "2.50" }
    - { name: mine, per_gpu_hour: "0.70" }
"""


def test_pods_say_what_the_configuration_does_not() -> None:
    """By NVIDIA's names, unless others are written."""
    gpus = document(PODS + BASE).gpus
    assert gpus is not None
    assert gpus.kubernetes is not None
    assert gpus.kubernetes.model_dump() == {
        "namespaces": ("batch",),
        "resource": "nvidia.com/gpu",
        "kind_label": "nvidia.com/gpu.product",
    }
    assert [one.is_looked_up for one in gpus.servers] == [True, True]
    assert [gpus.price_of(price, kind) for price, kind in (("", "H100"), ("mine", "H100"), ("", "L4"))] == [
        "h100",
        "mine",
        "",
    ]


@pytest.mark.parametrize(("kind", "is_known"), [("H100", True), ("H200", False)])
def test_watts_of_a_kind_that_a_label_may_say(kind: str, is_known: bool) -> None:
    """Where each kind has a price, those are all; a server with a price of its own may have any."""
    without = PODS.replace(", kind: L4, price: mine", "") + f"  watts: {{ {kind}: 700 }}\n"
    if is_known:
        document(without + BASE)
    else:
        with pytest.raises(ConfigInvalid, match=rf"unknown kind `{kind}`. Did you mean `H100`"):
            document(without + BASE)
    document(PODS.replace(", kind: L4", "") + f"  watts: {{ {kind}: 700 }}\n" + BASE)


def test_a_guard_may_have_the_gpus_of_its_pod() -> None:
    """Which it knows by its name."""
    text = GUARD.replace(", gpus: 1, kind: L4, price: l4", "").replace("name: l4,", "name: l4, kind: NVIDIA-L4,")
    text = text.replace("gpus:\n", "gpus:\n  kubernetes: { namespaces: [models] }\n")
    gpus = document(text, {"POD_NAME": "vllm-7"}).gpus
    assert gpus is not None
    assert [(one.endpoint, one.is_looked_up) for one in gpus.servers] == [("vllm-7", True)]
