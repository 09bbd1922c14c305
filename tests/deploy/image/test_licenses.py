"""Each package that the image carries has a license that it may carry."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.image.licenses import ALLOWED, DEBIAN, STATED, LicenseUnknown, license_of, license_of_debian
from tests.deploy.image.lock import carried


@pytest.mark.parametrize("package", carried())
def test_a_locked_package_has_an_allowed_license(package: str) -> None:
    """By its metadata, or as somebody has read it."""
    assert license_of(package)


def test_the_tables_name_nothing_that_is_gone() -> None:
    """A license that no package has any more, or of a package that left the lock."""
    assert set(STATED) - set(carried()) == set()
    used = " ".join([*map(license_of, carried()), *DEBIAN.values()])
    assert {one for one in ALLOWED if one not in used} == set()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The metadata of a package that says what a test writes."""
    folder = tmp_path / "odd-1.dist-info"
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    return folder / "METADATA"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", r"odd names no license\. Read its license file, and add it to STATED in deploy\.image\.licenses\."),
        (
            "License-Expression: MIT AND AGPL-3.0-only\n",
            r"odd is under 'MIT AND AGPL-3\.0-only'; AGPL-3\.0-only is not among the licenses that the image",
        ),
    ],
)
def test_an_unknown_license_fails_in_words(line: str, told: str, installed: Path) -> None:
    """None at all, or one that nobody has allowed."""
    installed.write_text(f"Metadata-Version: 2.4\nName: odd\nVersion: 1\n{line}")
    with pytest.raises(LicenseUnknown, match=told):
        license_of("odd")


def test_a_package_of_debian_that_nobody_has_read_is_named() -> None:
    """A new base image may bring one."""
    assert license_of_debian("zlib1g") == "Zlib"
    with pytest.raises(LicenseUnknown, match=r"files of the Debian package libodd1, whose license nobody has read"):
        license_of_debian("libodd1")
