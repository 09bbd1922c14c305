"""The bill of materials lists all that the image has: Python, packages of Python and of Debian, what is linked in."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import pytest

from deploy.image import materials, root_files
from deploy.image.materials import completed

BILL = {
    "bomFormat": "CycloneDX",
    "components": [
        {"name": "psycopg-binary", "version": "3.3.9", "bom-ref": "psycopg-binary==3.3.9"},
        {"name": "rich", "version": "15.0.0", "bom-ref": "rich==15.0.0"},
    ],
}
RECORD = "Package: libstdc++6\nArchitecture: amd64\nVersion: 1:14.2.0-19\nDescription: C++\n more\n"
OF_WHEEL = {
    "components": [
        {"name": "psycopg_binary", "bom-ref": "itself"},
        {"name": "krb5", "bom-ref": "one", "components": [{"name": "part", "bom-ref": "two"}]},
    ]
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """With a package of Debian, and a wheel that says what is linked in."""
    records = tmp_path / "var/lib/dpkg/status.d"
    records.mkdir(parents=True)
    (records / "libstdc++6").write_text(RECORD)
    bills = tmp_path / "opt/llm-extproc/lib/python3.13/site-packages/psycopg_binary-3.3.9.dist-info/sboms"
    bills.mkdir(parents=True)
    (bills / "auditwheel.cdx.json").write_text(json.dumps(OF_WHEEL))
    return tmp_path


def _references(components: list[dict[str, Any]]) -> list[str]:
    return [found for one in components for found in (one["bom-ref"], *_references(one.get("components", [])))]


def test_it_lists_python_debian_and_what_wheels_have_linked_in(root: Path) -> None:
    """Scanners match packages by their purl."""
    python, library, psycopg, rich = completed(BILL, root)["components"]
    assert python["purl"] == f"pkg:generic/python@{platform.python_version()}"
    assert library["purl"] == "pkg:deb/debian/libstdc%2B%2B6@1%3A14.2.0-19?arch=amd64"
    assert library["licenses"] == [{"license": {"name": "see /usr/share/doc/libstdc++6/copyright"}}]
    assert [one["name"] for one in psycopg["components"]] == ["krb5"]
    assert rich == BILL["components"][1]


def test_no_reference_stands_twice(root: Path) -> None:
    """Each wheel's bill has references of its own."""
    references = _references(completed(BILL, root)["components"])
    assert len(set(references)) == len(references) == 6
    assert {"psycopg_binary:one", "psycopg_binary:two"} <= set(references)


def test_the_rest_of_the_bill_stays(root: Path) -> None:
    """Of what it was made from nothing is changed."""
    before = json.dumps(BILL)
    assert completed(BILL, root)["bomFormat"] == "CycloneDX"
    assert json.dumps(BILL) == before


def test_records_are_read_where_they_are_written() -> None:
    """The two steps of the build share no module."""
    assert materials.RECORDS == root_files.RECORDS
