"""ResourceQuotas of Kubernetes: which number holds, and what is said of files that say nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.reports.resource_quotas import BadQuotas, NamespaceLimit, resource_quotas_of
from tests.thorough import examples
from tests.unit.reports.quota_samples import GPU, printed, resource_quota

NVIDIA = "nvidia.com/gpu"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "items", "metadata", "spec", "hard", "namespace", "name", GPU]), inner, max_size=5
        )
        | st.just("ResourceQuota")
        | st.just("List")
    ),
    max_leaves=20,
)


def limit(content: bytes, namespace: str = "chat-prod", resource: str = NVIDIA) -> NamespaceLimit:
    """Of a namespace."""
    return resource_quotas_of("quotas.json", content).limit_of(namespace, resource)


@pytest.mark.parametrize(
    "content",
    [
        printed(resource_quota("chat-prod"), resource_quota("search", "8")),
        printed(*({**resource_quota("chat-prod"), "kind": "ResourceQuota"},)),
        printed(
            {key: value for key, value in resource_quota("chat-prod").items() if key not in ("kind", "apiVersion")},
            kind="ResourceQuotaList",
        ),
        json.dumps(resource_quota("chat-prod")).encode(),
        b"\xef\xbb\xbf" + printed(resource_quota("chat-prod")),
    ],
    ids=["list", "one in a list", "of the API", "one", "byte order mark"],
)
def test_a_namespace_has_its_number(content: bytes) -> None:
    """Of `kubectl` with and without a name, and of the API itself, whose items have no kind."""
    assert limit(content) == NamespaceLimit(4, ())


@given(st.permutations([3, 5, 8]), st.permutations(["a", "b", "c"]))
def test_the_smallest_of_several_holds(gpus: list[int], names: list[str]) -> None:
    """In any order: a pod must be allowed by all. One that limits no GPUs does not count."""
    several = [resource_quota("chat-prod", str(one), name=name) for one, name in zip(gpus, names, strict=True)]
    content = printed(*several, resource_quota("chat-prod", "1", key="requests.cpu"), resource_quota("other", "1"))
    assert limit(content) == NamespaceLimit(3, ())


def test_scopes_limit_some_pods_only() -> None:
    """So they say nothing of all; their names are told."""
    of_some = resource_quota("chat-prod", "1", name="night", scopes=["Terminating"])
    selected = {"matchExpressions": [{"operator": "In", "scopeName": "PriorityClass", "values": ["low"]}]}
    of_low = resource_quota("chat-prod", "2", name="low", scopeSelector=selected)
    assert limit(printed(of_some, resource_quota("chat-prod"), of_low)) == NamespaceLimit(4, ("night", "low"))


def test_other_resources_have_other_names() -> None:
    """As pods request them."""
    content = printed(resource_quota("chat-prod", "6", key="requests.amd.com/gpu"))
    assert limit(content, resource="amd.com/gpu").gpus == 6


@pytest.mark.parametrize(
    ("written", "gpus"), [("0", 0), ("16", 16), (16, 16), ("1k", 1_000), ("2Ki", 2_048), ("1M", 10**6), ("3e2", 300)]
)
def test_quantities_are_whole_numbers(written: object, gpus: int) -> None:
    """Kubernetes writes a thousand as `1k`."""
    assert limit(printed(resource_quota("chat-prod", written))).gpus == gpus


@pytest.mark.parametrize(
    "written", ["", "-1", "1.5", "1500m", "four", " 4", "4 GPUs", "4Gi", "1e99", "9" * 10, None, 1.5]
)
def test_other_quantities_are_refused(written: object) -> None:
    """With the quota that has it; those of other namespaces are not read."""
    content = printed(resource_quota("chat-prod", written), resource_quota("search"))
    with pytest.raises(BadQuotas) as refused:
        limit(content)
    assert str(refused.value) == (
        f"quotas.json: `requests.nvidia.com/gpu` of the ResourceQuota `gpus` of `chat-prod` is `{written}`, expected a"
        " whole number of GPUs"
    )
    assert limit(content, "search").gpus == 4


EXPECTED = "expected what `kubectl get resourcequota -A -o json` prints"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "quotas.json:1: no JSON. Write what `kubectl get resourcequota -A -o json` prints"),
        (b"{\n  'kind': 1\n}", "quotas.json:2: no JSON."),
        (b"NAMESPACE   NAME   AGE", "quotas.json:1: no JSON."),
        (b"\xff\xfe{}", "quotas.json: bytes that are not UTF-8"),
        (b"[" * 200_000, "quotas.json: JSON with a number or a nesting that is too large"),
        (b'{"kind": ' + b"9" * 5_000 + b"}", "quotas.json: JSON with a number or a nesting that is too large"),
        (b"[]", f"quotas.json: found no `kind`, {EXPECTED}"),
        (b'{"kind": "PodList", "items": []}', f"quotas.json: found `PodList`, {EXPECTED}"),
        (b'{"kind": "List"}', f"quotas.json: found `List`, {EXPECTED}"),
        (b'{"kind": "Pod\\u001b[2J"}', f"quotas.json: found `Pod\ufffd[2J`, {EXPECTED}"),
        (printed({"kind": "LimitRange"}), "quotas.json: items[0]: found `LimitRange`, expected a ResourceQuota"),
        (printed(resource_quota("a"), 1), "quotas.json: items[1]: found no object, expected a ResourceQuota"),
        (printed({**resource_quota("a"), "metadata": []}), "quotas.json: items[0].metadata: expected an object"),
        (printed({**resource_quota("a"), "spec": {"hard": 1}}), "quotas.json: items[0].spec.hard: expected an object"),
        (printed(resource_quota("")), "quotas.json: items[0].metadata.namespace: expected a name"),
        (printed(resource_quota("a", name="")), "quotas.json: items[0].metadata.name: expected a name"),
    ],
)
def test_what_is_no_list_of_quotas_is_refused(content: bytes, told: str) -> None:
    """With the place, and how to get one."""
    with pytest.raises(BadQuotas) as refused:
        resource_quotas_of("quotas.json", content)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([], "there is no ResourceQuota of the namespace `chat-prod`. The file has none."),
        (
            [resource_quota("chat-prd")],
            "there is no ResourceQuota of the namespace `chat-prod`. Did you mean `chat-prd`?",
        ),
        (
            [resource_quota("search"), resource_quota("batch")],
            "there is no ResourceQuota of the namespace `chat-prod`. There are: `batch`, `search`.",
        ),
        (
            [resource_quota("chat-prod", key="requests.storage")],
            "no ResourceQuota of the namespace `chat-prod` limits `requests.nvidia.com/gpu`; write `gpus` in place of"
            " `namespace`",
        ),
        (
            [resource_quota("chat-prod", key="requests.amd.com/gpu")],
            "no ResourceQuota of the namespace `chat-prod` limits `requests.nvidia.com/gpu`; name one as `resource`:"
            " `amd.com/gpu`",
        ),
        (
            [resource_quota("chat-prod", scopes=["NotTerminating"])],
            "each ResourceQuota of `chat-prod` with `requests.nvidia.com/gpu` has scopes, and limits some pods only."
            " Write `gpus` in place of `namespace`",
        ),
    ],
)
def test_a_namespace_without_a_number_is_refused(items: list[Any], told: str) -> None:
    """With what is there instead."""
    with pytest.raises(BadQuotas) as refused:
        limit(printed(*items))
    assert str(refused.value) == f"quotas.json: {told}"


@settings(max_examples=examples(200))
@given(JSON)
def test_any_json_is_read_or_refused(value: Any) -> None:
    """Nothing else is raised, and a message is one line that a terminal can show."""
    told = ""
    try:
        read = resource_quotas_of("quotas.json", json.dumps(value).encode())
        for quota in read.quotas:
            read.limit_of(quota.namespace, NVIDIA)
    except BadQuotas as refused:
        told = str(refused)
    assert told.isprintable()


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Likewise."""
    with pytest.raises(BadQuotas):
        limit(content)
