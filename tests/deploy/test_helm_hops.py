"""Keys of marks between two hops reach the pods of the chart as files of a Secret, as docs/two-hops.md says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from extproc.server.operations.config_files import read_config
from tests.deploy.helm_chart import rendered
from tests.deploy.manifests import Manifest, one
from tests.docs.pages import DOCS, blocks

(VALUES,) = [block for block in blocks(DOCS / "two-hops.md", "text") if "secretFiles" in block]
WORKLOADS = {"gateway": "StatefulSet", "shared": "Deployment"}


def _projected(pod: Manifest) -> list[Manifest]:
    """What folders of files from several objects are made of."""
    volumes = (volume.get("projected", {}) for volume in pod["volumes"])
    return [source for one in volumes for source in one.get("sources", ())]


@pytest.mark.parametrize("case", WORKLOADS)
def test_the_key_is_a_file_of_a_secret(case: str, tmp_path: Path) -> None:
    """Where the configuration looks for it; its bytes are in no object of the chart."""
    (tmp_path / "values.yaml").write_text(VALUES)
    manifests = rendered(case, "-f", str(tmp_path / "values.yaml"))
    pod = one(manifests, WORKLOADS[case])["spec"]["template"]["spec"]
    (secret,) = [each["secret"] for each in _projected(pod) if each.get("secret", {}).get("name") == "hop-key"]
    assert secret["items"] == [{"key": "hop.key", "path": "secrets/hop.key"}]
    configured = next(each["data"]["config.yaml"] for each in manifests if "config.yaml" in (each.get("data") or {}))
    assert yaml.safe_load(configured)["hops"] == {"key_files": ["secrets/hop.key"]}
    assert "Secret" not in {each["kind"] for each in manifests}


def test_the_key_of_the_page_is_one_that_is_accepted(tmp_path: Path) -> None:
    """As long as `openssl rand` makes it, at its path in the pod."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "hop.key").write_bytes(os.urandom(32))
    model = "{ v1: { weight: 1, endpoints: ['127.0.0.1:1'], price: { prompt_micro_usd_per_mtok: 1, "
    model += "completion_micro_usd_per_mtok: 1 } } }"
    hops = yaml.safe_dump(yaml.safe_load(VALUES)["config"])
    text = (
        f"models: {{ llama: {{ versions: {model} }} }}\nfilters: [{{ filter: version }}, {{ filter: meter }}]\n{hops}"
    )
    (tmp_path / "config.yaml").write_text(text)
    assert read_config(tmp_path / "config.yaml").loaded.document.hops is not None
