"""The documentation's reference tables, made from the code: ``python -m tests.docs.reference`` writes them.

``test_reference`` holds the pages to them: no key, metric, option, error or limit is undocumented, none is documented
that is not there.
"""

from __future__ import annotations

import inspect
import re
from functools import cache, partial
from typing import Any

from prometheus_client import CollectorRegistry

from extproc.config.filters import FILTER_SECTIONS, GuardsSection, filter_name
from extproc.config.guards import SECTIONS_BY_GUARD
from extproc.config.section import Section
from extproc.sinks.metrics import Metrics
from tests.bench.figures import OTHERS, RATIOS
from tests.docs.accuracy_table import ENCODER_LINES, accuracy_table
from tests.docs.case_table import case_table, front_matter_table
from tests.docs.cli_tables import cli_tables, exit_code_table
from tests.docs.configuration_tables import configuration_tables, variables_table
from tests.docs.doctor_sections import doctor_sections
from tests.docs.error_table import error_table, guard_sections
from tests.docs.image_tables import image_figures_table, image_licenses_table, image_parts_table
from tests.docs.json_shapes import json_shapes
from tests.docs.ledger_table import ledger_table, outcomes_table
from tests.docs.man_page import MAN_PAGE, man_page
from tests.docs.model_tables import model_files_table, model_sources_table
from tests.docs.pages import GUARD_PAGES, PAGES, SITE_CONFIG
from tests.docs.pii_table import pii_kinds_table
from tests.docs.rollout_table import gates_table
from tests.docs.signal_table import rates_table, values_table
from tests.docs.size_tables import (
    bytes_table,
    cost_table,
    growth_table,
    predictions_table,
    size_output_block,
    turns_table,
    waits_table,
)
from tests.docs.transport_limits import transport_limits_table
from tests.docs.upgrade_tables import upgrades_table


def metrics_table() -> str:
    """One row for each metric."""
    rows = ["| metric | labels | meaning |", "|---|---|---|"]
    registry = Metrics(label_values_max=1).registry
    for collector in _collectors(registry):
        description = next(iter(collector.describe()))
        suffix = "_total" if description.type == "counter" else ""
        labels = ", ".join(f"`{label}`" for label in collector._labelnames) or "-"
        rows.append(f"| `{description.name}{suffix}` ({description.type}) | {labels} | {description.documentation} |")
    return "\n".join(rows)


def _collectors(registry: CollectorRegistry) -> list[Any]:
    return list(registry._collector_to_names)


@cache
def tables() -> dict[str, str]:
    """What is generated, by the name of its marker."""
    return {
        "configuration": configuration_tables(),
        "variables": variables_table(),
        "metrics": metrics_table(),
        "cases": case_table(),
        "front matter": front_matter_table(),
        "commands": cli_tables(),
        "exit codes": exit_code_table(),
        "json shapes": json_shapes(),
        "errors": error_table(),
        "errors of guards": guard_sections(),
        "findings of doctor": doctor_sections(),
        "filters": filters_table(),
        "guards": guards_table(),
        "accuracy": accuracy_table(),
        "encoder accuracy": accuracy_table(ENCODER_LINES),
        "kinds of personal data": pii_kinds_table(),
        "transport limits": transport_limits_table(),
        "benchmark goals": goals_table(),
        "ledger columns": ledger_table(),
        "ledger outcomes": outcomes_table(),
        "rates of answers": rates_table(),
        "values of answers": values_table(),
        "rollout gates": gates_table(),
        "model files": model_files_table(),
        "model sources": model_sources_table(),
        "image figures": image_figures_table(),
        "image parts": image_parts_table(),
        "image licenses": image_licenses_table(),
        "upgrades": upgrades_table(),
        "size output": size_output_block(),
        "size growth": growth_table(),
        "size costs": cost_table(),
        "size bytes": bytes_table(),
        "size predictions": predictions_table(),
        "size waits": waits_table(),
        "size turns": turns_table(),
    }


def filters_table() -> str:
    """One row for each filter: what its section says first."""
    rows = ["| filter | what it does |", "|---|---|"]
    sections: tuple[type[Section], ...] = (GuardsSection, *FILTER_SECTIONS)
    for section in sections:
        about = " ".join(str(inspect.getdoc(section)).split("\n\n", 1)[0].split())
        rows.append(f"| `{filter_name(section)}` | {about[0].lower()}{about[1:].removesuffix('.')} |")
    return "\n".join(rows)


def guards_table() -> str:
    """One row for each guard: the row of the first table on its page, which stands a folder below this one."""
    heads, rows = set(), []
    for name in SECTIONS_BY_GUARD:
        head, line, row = re.findall(r"^\|.*$", (GUARD_PAGES / f"{name}.md").read_text(), re.MULTILINE)[:3]
        heads.add(f"| guard {head}\n|---{line}")
        rows.append(f"| [`{name}`](guards/{name}.md) {row}".replace("](../", "]("))
    (head,) = heads
    return "\n".join([head, *rows])


def goals_table() -> str:
    """One row for each figure of the benchmarks that is to reach something."""
    rows = ["| figure | at most | what it is |", "|---|---|---|"]
    aimed = [figure for figure in (*RATIOS, *OTHERS) if figure.target is not None]
    return "\n".join(rows + [f"| `{one.name}` | {one.target:,g} | {one.meaning} |" for one in aimed])


def markers(text: str) -> list[str]:
    """The names of the markers that begin a generated part of a page."""
    return re.findall(r"^<!-- generated: (.+) -->$", text, re.MULTILINE)


def written(text: str) -> str:
    """A page with its tables as they must be. Raises: ValueError where a marker has no end, or no table."""
    made = tables()
    for name in markers(text):
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if name not in made:
            raise ValueError(f"nothing is generated for <!-- generated: {name} -->")
        text, count = pattern.subn(partial(_filled, made[name]), text)
        if count != 1:
            raise ValueError(f"a page needs one pair of <!-- generated: {name} --> and <!-- end -->")
    return text


def missing() -> set[str]:
    """What is generated and stands on no page, or on more than one."""
    stand = [name for page in PAGES for name in markers(page.read_text())]
    return {name for name in tables() if stand.count(name) != 1}


def navigation(text: str) -> str:
    """The site's configuration with a line for the page of each guard."""
    lines = "".join(f'        {{ "{name}" = "docs/guards/{name}.md" }},\n' for name in sorted(SECTIONS_BY_GUARD))
    return re.sub(r"(# generated: guards\n).*?( *# end\n)", rf"\g<1>{lines}\2", text, flags=re.DOTALL)


def main() -> None:
    """Write all pages, the site's navigation, and the manual page. Raises: ValueError where a table has no place."""
    if missing():
        raise ValueError(f"no page, or more than one, has the marker of: {', '.join(sorted(missing()))}")
    for page in PAGES:
        text = page.read_text()
        if (new := written(text)) != text:
            page.write_text(new)
    SITE_CONFIG.write_text(navigation(SITE_CONFIG.read_text()))
    MAN_PAGE.write_text(man_page())


def _filled(table: str, markers: re.Match[str]) -> str:
    return f"{markers[1]}\n{table}\n\n{markers[2]}"


if __name__ == "__main__":
    main()
