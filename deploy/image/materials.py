"""Completes the image's bill of materials: ``python materials.py ROOT BILL``, with cyclonedx-bom's library installed.

``cyclonedx-py`` lists the Python packages. This adds the interpreter, the Debian packages that files of the root file
system are from, and what wheels say that they have linked in (their own bills, PEP 770), and puts the whole into the
root. Wheels that say nothing of it are not complete: numpy has OpenBLAS in it, grpcio BoringSSL.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

RECORDS: Final = "var/lib/dpkg/status.d"
INSTALLED: Final = "opt/llm-extproc/lib/python3.*/site-packages"
PLACE: Final = "usr/share/sbom/llm-extproc.cdx.json"
"""Of the bill, in the image."""

Component = dict[str, Any]


class BillNotValid(Exception):
    """It breaks CycloneDX's schema. The message says where."""


def interpreter() -> Component:
    """The Python that runs this, which the image has too."""
    version = platform.python_version()
    return {
        "type": "platform",
        "bom-ref": f"python@{version}",
        "name": "python",
        "version": version,
        "purl": f"pkg:generic/python@{version}",
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
        "licenses": [{"license": {"id": "Python-2.0"}}],
    }


def debian_packages(root: Path) -> Iterator[Component]:
    """One for each record; the text of its license lies in the image."""
    for file in sorted((root / RECORDS).iterdir()):
        record = HeaderParser().parsestr(file.read_text())
        name, version, machine = (str(record[field]) for field in ("Package", "Version", "Architecture"))
        yield {
            "type": "library",
            "bom-ref": f"deb:{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={machine}",
            "licenses": [{"license": {"name": f"see /usr/share/doc/{name}/copyright"}}],
        }


def linked_in(root: Path) -> dict[str, list[Component]]:
    """What bills of wheels list, by the normalized name of the wheel's package."""
    found: dict[str, list[Component]] = {}
    for packages in root.glob(INSTALLED):
        for file in sorted(packages.glob("*.dist-info/sboms/*.json")):
            package = file.parents[1].name.partition("-")[0]
            name = _normalized(package)
            listed = json.loads(file.read_text()).get("components", [])
            inner = (_renamed(one, package) for one in listed if _normalized(one["name"]) != name)
            found.setdefault(name, []).extend(inner)
    return found


def _normalized(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _renamed(component: Component, package: str) -> Component:
    """References are unique in a bill, and each wheel has its own."""
    renamed = dict(component)
    if "bom-ref" in renamed:
        renamed["bom-ref"] = f"{package}:{renamed['bom-ref']}"
    if inner := renamed.get("components"):
        renamed["components"] = [_renamed(one, package) for one in inner]
    return renamed


def completed(bill: dict[str, Any], root: Path) -> dict[str, Any]:
    """The bill of the whole image."""
    inner = linked_in(root)
    components = [
        {**one, "components": inner[name]} if (name := _normalized(one["name"])) in inner else one
        for one in bill["components"]
    ]
    return {**bill, "components": [interpreter(), *debian_packages(root), *components]}


def validate(text: str) -> None:
    """Raises: BillNotValid."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise BillNotValid(f"The bill of materials breaks CycloneDX 1.6: {problem}")


def main() -> int:
    """Write the bill into the root. Returns: 1 if it is not valid."""
    root, bill = Path(sys.argv[1]), Path(sys.argv[2])
    text = json.dumps(completed(json.loads(bill.read_text()), root), indent=1) + "\n"
    try:
        validate(text)
    except BillNotValid as broken:
        print(broken, file=sys.stderr)
        return 1
    target = root / PLACE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
