"""What ``extproc report`` prints of GPU time."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from tests.unit.cli.samples import fill

DAYS = ("--from", "2026-01-05", "--to", "2026-01-06")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def printed(*arguments: str, columns: int = 140) -> str:
    """The output of a report."""
    ran = CliRunner().invoke(app, ["report", "gpus.yaml", *arguments], env={"COLUMNS": str(columns)})
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran.stdout


def test_a_table_with_gpu_time() -> None:
    """Columns, the sentence of the team, and what nobody pays."""
    assert printed(*DAYS, "--only", "server=127.0.0.1:8001", columns=100) == (
        "Usage by team, 2026-01-05 to 2026-01-06 (UTC), server 127.0.0.1:8001\n"
        "\n"
        "team    requests  input  output    cost  change  GPU-hours  GPU cost   idle  tokens/GPU-s     p95\n"
        "search         2   2.4M    800K  $12.34     new          6    $15.00  100 %           148  904 ms\n"
        "\n"
        "search: 2.4M input tokens, 800K output tokens, $12.34 for tokens, 6 GPU-hours, $15.00\n"
        "GPU time by even_ps: 10 GPU-hours, $25.00. Nobody pays: 4 starting up ($10.00).\n"
        "\n"
        "Changed most, 2026-01-05 to 2026-01-06 against the time before:\n"
        "search: $0.00 to $12.34 (new)\n"
    )


def test_two_methods_are_two_groups_of_columns() -> None:
    """Each named; JSON has both."""
    CliRunner().invoke(app, ["allocate", "gpus.yaml", *DAYS])
    text = printed(*DAYS, columns=400)
    assert "even_ps GPU-hours" in text
    assert "weighted_ps_v1 GPU-hours" in text
    data = json.loads(printed(*DAYS, "--json"))
    assert [one["method"] for one in data["gpu"]["methods"]] == ["even_ps", "weighted_ps_v1"]


def test_other_groupings_have_none_and_say_why() -> None:
    """In a sentence."""
    text = printed(*DAYS, "--by", "user")
    assert "\nGPU time is not kept by user, so it is left out. It is kept by team, project, " in text
    assert "GPU-hours" not in text
    assert "extproc allocate --from 2025-12-05" in printed("--from", "2025-12-05", "--to", "2026-01-04", "--by", "tier")


def test_a_csv_file_has_no_room_for_a_sentence() -> None:
    """So standard error has it."""
    ran = CliRunner().invoke(app, ["report", "gpus.yaml", *DAYS, "--by", "user", "--format", "csv"])
    assert ran.stderr.startswith("GPU time is not kept by user, so it is left out.")
    assert "gpu_" not in ran.stdout
    assert "gpu_even_ps_used_us" in printed(*DAYS, "--format", "csv")


def test_a_method_without_gpus_is_refused() -> None:
    """Rather than ignored."""
    ran = CliRunner().invoke(app, ["report", "config.yaml", *DAYS, "--method", "even_ps"])
    assert (ran.exit_code, ran.stderr) == (
        2,
        "extproc report: --method is of GPU time, and there is no `gpus:` section\n",
    )


def test_days_that_are_not_allocated_are_told() -> None:
    """And a period has its own GPU time."""
    text = printed("--from", "2026-01-03", "--to", "2026-01-06", "--period", "day")
    assert "GPU time by even_ps, allocated for 2 of 4 days: 10 GPU-hours, $25.00. Nobody pays: " in text
    for day, words in (("05", "  2     $5.00  "), ("06", "  4    $10.00  ")):
        assert any(line.startswith(f"2026-01-{day}") and words in line for line in text.splitlines())


def test_one_method_of_several() -> None:
    """`--method` names it; FOCUS has one in any case."""
    CliRunner().invoke(app, ["allocate", "gpus.yaml", *DAYS])
    assert "weighted_ps_v1" not in printed(*DAYS, "--method", "even_ps")
    assert "is allocated by by_hand: run" in printed(*DAYS, "--method", "by_hand")
    for arguments, method in (((), "weighted_ps_v1"), (("--method", "even_ps"), "even_ps")):
        rows = csv.DictReader(io.StringIO(printed(*DAYS, "--format", "focus", *arguments)))
        assert {row["AllocatedMethodId"] for row in rows} == {method, ""}


def test_focus_has_the_only_method_there_is() -> None:
    """By the policy of the configuration."""
    rows = list(csv.DictReader(io.StringIO(printed(*DAYS, "--format", "focus"))))
    assert {row["AllocatedMethodId"] for row in rows} == {"even_ps", ""}
    assert {row["AllocatedResourceName"] for row in rows if row["ResourceId"]} == {"search, index", ""}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--method", "by_hand"), 2, "no GPU time of these days is allocated by `by_hand`; run `extproc allocate`"),
        (("--only", "route=night"), 0, "GPU time is not kept by route, so tokens are charged in place of it."),
    ],
)
def test_focus_says_what_it_cannot(arguments: tuple[str, ...], code: int, told: str) -> None:
    """On standard error."""
    ran = CliRunner().invoke(app, ["report", "gpus.yaml", *DAYS, "--format", "focus", *arguments])
    assert (ran.exit_code, told in ran.stderr) == (code, True)


def test_focus_of_methods_none_of_which_is_the_default() -> None:
    """One must be named."""
    CliRunner().invoke(app, ["allocate", "gpus.yaml", *DAYS, "--method", "tokens_1_2p5"])
    ran = CliRunner().invoke(app, ["report", "gpus.yaml", *DAYS, "--format", "focus"])
    assert ran.exit_code == 2
    assert "GPU time is allocated by even_ps, tokens_1_2p5; name one with --method" in ran.stderr


def test_a_narrow_terminal_keeps_gpu_hours() -> None:
    """Rather than anything that is not tokens or cost."""
    head = printed(*DAYS, columns=72).splitlines()[2]
    assert head.split() == ["team", "input", "output", "cost", "change", "GPU-hours"]


# --- energy and quotas ---------------------------------------------------------------------------------------------


def of_quotas(*arguments: str, stdin: bytes = b"") -> Result:
    """A report with energy and quotas."""
    ran = CliRunner().invoke(app, ["report", "quotas.yaml", *DAYS, *arguments], input=stdin, env={"COLUMNS": "160"})
    assert ran.exit_code == 0, ran.output
    return ran


RESOURCE_QUOTAS = ("--resource-quotas", "resource-quotas.json")


def test_a_table_with_quotas_and_energy() -> None:
    """A team that used nothing of its quota stands there too; quotas that are not known are told."""
    lines = of_quotas("--only", "team=search").stdout.splitlines()
    head, row = (re.split("  +", line.rstrip()) for line in lines[2:4])
    figures = {"GPU-hours": "6", "GPU cost": "$15.00", "idle": "100 %", "tokens/GPU-s": "148", "kWh": "0.001"}
    quota = {"quota": "0.5", "quota use": "25 %"}
    assert list(zip(head, row, strict=True))[7:14] == [*figures.items(), *quota.items()]
    usage = "search: 2.4M input tokens, 800K output tokens, $12.34 for tokens, 6 GPU-hours, 0.001 kWh, $15.00"
    assert lines[5:8] == [
        f"{usage}, 25 % of a quota of 0.5 GPUs",
        "Quotas that ResourceQuotas say are not known without `--resource-quotas`: `chat`.",
        "GPU time by even_ps: 6 GPU-hours, 0.001 kWh, $15.00.",
    ]
    text = of_quotas(*RESOURCE_QUOTAS).stdout
    assert "\nchat: 0 input tokens, 0 output tokens, 0 % of a quota of 2 GPUs\n" in text
    assert "not known" not in text


def test_resource_quotas_come_from_a_pipe_too(folder: Path) -> None:
    """As `kubectl` writes them."""
    content = (folder / "resource-quotas.json").read_bytes()
    piped = of_quotas("--resource-quotas", "-", stdin=content.replace(b'"2"', b'"1"')).stdout
    assert "0 % of a quota of 1 GPU\n" in piped
    ran = CliRunner().invoke(app, ["report", "quotas.yaml", *DAYS, "--resource-quotas", "-"], input=b"")
    assert (ran.exit_code, ran.stderr.startswith("extproc report: -:1: no JSON.")) == (2, True)


def test_a_file_of_quotas_has_a_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more is refused."""
    size = (folder / "resource-quotas.json").stat().st_size
    monkeypatch.setattr("extproc.reports.resource_quotas.FILE_BYTES_MAX", size)
    of_quotas(*RESOURCE_QUOTAS)
    monkeypatch.setattr("extproc.reports.resource_quotas.FILE_BYTES_MAX", size - 1)
    ran = CliRunner().invoke(app, ["report", "quotas.yaml", *DAYS, *RESOURCE_QUOTAS])
    assert (ran.exit_code, "report: resource-quotas.json: more than 0 MiB" in ran.stderr) == (2, True)


def test_quotas_of_several_methods_have_one_number_and_a_use_each() -> None:
    """The head of each says its method."""
    CliRunner().invoke(app, ["allocate", "quotas.yaml", *DAYS])
    ran = CliRunner().invoke(app, ["report", "quotas.yaml", *DAYS, *RESOURCE_QUOTAS], env={"COLUMNS": "400"})
    head = next(line for line in ran.stdout.splitlines() if line.startswith("team"))
    names = ["kWh", "quota", "even_ps quota use", "weighted_ps_v1 GPU-hours", "weighted_ps_v1 quota use"]
    places = [head.index(name) for name in names]
    assert places == sorted(places)
    assert head.count(" quota ") == 3


def test_quotas_of_parts_of_teams_are_not_shown() -> None:
    """And a sentence says so, in a CSV file on standard error."""
    told = "Quotas are of whole teams: `--by team` shows them, without `--only` of anything else."
    assert f"\n{told}\n" in of_quotas("--by", "team,project").stdout
    ran = of_quotas("--by", "project", "--format", "csv")
    assert (ran.stderr, "quota" in ran.stdout, "energy_mwh" in ran.stdout) == (f"{told}\n", False, True)


def test_focus_has_energy_where_it_is_configured() -> None:
    """A column of its own."""
    rows = list(csv.DictReader(io.StringIO(of_quotas("--format", "focus").stdout)))
    assert [row["x_EnergyKilowattHours"] for row in rows if row["AllocatedResourceId"]] == ["0.00031", "0.00031"]
    assert "x_EnergyKilowattHours" not in printed(*DAYS, "--format", "focus")


def test_energy_of_a_kind_that_nobody_knows_is_told(folder: Path) -> None:
    """As of GPUs that a server had before."""
    config = folder / "quotas.yaml"
    config.write_text(config.read_text().replace("H100-80GB", "L4"))
    assert "0.001 GPU-hours are of kinds that `gpus.watts` does not have: they have no energy." in of_quotas().stdout


# --- a bill --------------------------------------------------------------------------------------------------------


def reconciled(*arguments: str, code: int = 1) -> str:
    """The output for a bill."""
    ran = CliRunner().invoke(app, ["report", "gpus.yaml", "--reconcile", *arguments], env={"COLUMNS": "120"})
    assert ran.exit_code == code, ran.output
    return ran.stdout or ran.stderr


def test_a_bill_that_does_not_agree() -> None:
    """What differs, and why; the exit code says so."""
    assert reconciled("bill.csv") == (
        "day (UTC)   server          GPU-hours       cost  of\n"
        "2026-01-06  127.0.0.1:8001                        6 hours at 17.00 USD theirs, 6 hours at 15.00 USD ours\n"
        "                            +0.000000  +2.00 USD  PRICE DIFFERS\n"
        "2 servers and days compared with even_ps: 1 agree, 1 do not\n"
        "not explained +2.00 USD, rounding +0.00 USD\n"
    )
    rows = list(csv.DictReader(io.StringIO(reconciled("bill.csv", "--format", "csv"))))
    assert [(row["cause"], row["cost_nano"]) for row in rows] == [("price", "2000000000")]


def test_a_bill_that_agrees(folder: Path) -> None:
    """In one line; and a day that is not allocated is told."""
    line = "2026-01-05,127.0.0.1:8001,4,10,USD\n"
    (folder / "bill.csv").write_text(f"day,resource,gpu_hours,cost,currency\n{line}")
    assert reconciled("bill.csv", code=0) == (
        "1 servers and days compared with even_ps: 1 agree, 0 do not\nrounding +0.00 USD\n"
    )
    (folder / "bill.csv").write_text(f"day,resource,gpu_hours,cost,currency\n{line}{line.replace('05,', '04,')}")
    assert "1 of 2 days are allocated: run `extproc allocate` for the others." in reconciled("bill.csv")


@pytest.mark.parametrize(
    ("bill", "arguments", "told"),
    [
        ("day,server,gpu_hours,cost,currency\n2026-01-05,a,x,1,USD\n", (), "bill.csv:2: gpu_hours is no number"),
        ("", ("--reconcile", "usage.csv"), "bill.csv is a bill of GPUs, and other files are not"),
        ("", ("--only", "team=search"), "a bill of GPUs is of all that ran on them: leave out --only"),
        ("", ("--method", "by_hand"), "no GPU time of these days is allocated by `by_hand`"),
        (
            "day,server,gpu_hours,cost,currency\n2025-01-05,a,1,1,USD\n",
            (),
            "no GPU time of the bill's days is allocated: run `extproc allocate --from 2025-01-05 --to 2025-01-05`",
        ),
    ],
)
def test_a_bill_that_is_refused(folder: Path, bill: str, arguments: tuple[str, ...], told: str) -> None:
    """In a sentence."""
    if bill:
        (folder / "bill.csv").write_text(bill)
    assert told in reconciled("bill.csv", *arguments, code=2)
