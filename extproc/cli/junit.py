"""JUnit XML, as pipelines read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

_NS: Final = 1_000_000_000
_INVALID_IN_XML: Final = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\n\r"}


@dataclass(frozen=True, slots=True)
class JunitCase:
    """One case: passed, unless one of the last three says otherwise.

    Attributes:
        attributes: further ones, such as its file.
    """

    name: str
    suite: str
    attributes: dict[str, str]
    failures: Sequence[str] = ()
    error: str = ""
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class JunitSuite:
    """Cases that belong together."""

    name: str
    cases: Sequence[JunitCase]
    took_ns: int


def junit_xml(suites: Iterable[JunitSuite]) -> bytes:
    """The file."""
    root = Element("testsuites")
    for one in suites:
        suite = SubElement(
            root,
            "testsuite",
            name=_valid(one.name),
            tests=str(len(one.cases)),
            failures=str(sum(bool(case.failures) for case in one.cases)),
            errors=str(sum(bool(case.error) for case in one.cases)),
            skipped=str(sum(bool(case.skipped) for case in one.cases)),
            time=f"{one.took_ns / _NS:.3f}",
        )
        for case in one.cases:
            _add(suite, case)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _add(suite: Element, case: JunitCase) -> None:
    element = SubElement(suite, "testcase", name=_valid(case.name), classname=_valid(case.suite))
    for name, value in case.attributes.items():
        element.set(name, _valid(value))
    if case.failures:
        failure = SubElement(element, "failure", message=_valid(case.failures[0]))
        failure.text = _valid("\n".join(case.failures))
    if case.error:
        SubElement(element, "error", message=_valid(case.error))
    if case.skipped:
        SubElement(element, "skipped", message=_valid(case.skipped))


def _valid(text: str) -> str:
    return text.translate(_INVALID_IN_XML)
