"""The contracts of import-linter hold for the real tree, and each of them notices the import it is there to forbid.

A violation is planted in a copy of the package, so that a contract which a rename has emptied does not pass in silence.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in LINTER["contracts"]}
NO_DETECTOR = "dialects and the configuration of Envoy know no detector"
PURE = "pure packages touch neither clock, chance, threads nor the outside"

# Contract, module to plant (a dotted name below extproc), what the module says.
PLANTED = [
    ("layers", "domain.planted", "import extproc.config"),
    ("layers", "config.planted", "import extproc.payload"),
    ("layers", "detectors.planted", "import extproc.filters"),
    ("layers", "detectors.pii.planted", "import extproc.config"),
    ("layers", "detectors.pii.planted", "import extproc.payload"),
    (NO_DETECTOR, "payload.planted", "import extproc.detectors"),
    (NO_DETECTOR, "envoy_config.planted", "import extproc.detectors"),
    ("tools over texts know no detector", "detectors.text.planted", "import extproc.detectors.pii.phone"),
    ("the server's rooms", "server.sockets.planted", "import extproc.server.operations.health"),
    ("the server's rooms", "server.operations.planted", "import extproc.server.transport.turns"),
    ("the server's rooms", "server.transport.planted", "import extproc.server.workers.link"),
    ("layers", "filters.planted", "import extproc.exchange"),
    ("layers", "exchange.planted", "import extproc.wire"),
    ("layers", "exchange.planted", "import extproc.dryrun"),
    ("layers", "dryrun.planted", "import extproc.server"),
    ("layers", "wire.planted", "import extproc.server"),
    ("layers", "wire.planted", "import extproc.sinks"),
    ("layers", "server.planted", "import extproc.cli"),
    ("layers", "envoy_config.planted", "import extproc.payload"),
    ("layers", "envoy_config.planted", "import extproc.server"),
    ("filters do not import each other", "filters.planted", "import extproc.filters.neighbour"),
    ("sinks do not import each other", "sinks.planted", "import extproc.sinks.neighbour"),
    ("only wire and server know protobuf messages", "exchange.planted", "import extproc._pb.ext_proc_pb2"),
    ("only wire and server know protobuf messages", "sinks.planted", "import extproc._pb.health_pb2"),
    ("only the command line imports the demo", "server.planted", "import extproc.demo"),
    ("layers", "domain.planted", "import extproc.statistics"),
    ("layers", "statistics.planted", "import extproc.detectors"),
    (PURE, "domain.planted", "from time import monotonic"),
    (PURE, "dryrun.planted", "from pathlib import Path"),
]


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """What lint-imports says of the package under a directory."""
    command: list[str | Path] = [Path(sys.executable).with_name("lint-imports"), "--no-cache", ROOT / "pyproject.toml"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True)


def verdicts(report: str) -> dict[str, str]:
    """KEPT or BROKEN by contract name, from lines such as ``layers KEPT`` or ``layers BROKEN (2 ignored imports)``."""
    after_name = {
        name: line.removeprefix(f"{name} ").split()[0]
        for line in report.splitlines()
        for name in CONTRACTS
        if line.startswith(f"{name} ")
    }
    return {name: word for name, word in after_name.items() if word in ("KEPT", "BROKEN")}


def broken(report: str, contract: str) -> str:
    """What the report tells of a broken contract: the section that its underlined name begins."""
    told = report.partition("Broken contracts")[2].partition(f"\n{contract}\n{'-' * len(contract)}\n")[2]
    ends = [told.find(f"\n{name}\n{'-' * len(name)}\n") for name in CONTRACTS]
    return told[: min((end for end in ends if end >= 0), default=len(told))]


def copied(folder: Path) -> Path:
    """A directory, with a copy of the package in it."""
    skip_compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "extproc", folder / "extproc", ignore=skip_compiled)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with a copy of the package in it."""
    return copied(tmp_path)


def plant(tree: Path, module: str, source: str) -> None:
    """Write a module of the copy."""
    (tree / "extproc" / module.replace(".", "/")).with_suffix(".py").write_text(source + "\n")


def test_the_package_keeps_every_contract() -> None:
    """The tree as it stands breaks no contract."""
    linted = lint(ROOT)
    assert linted.returncode == 0, linted.stdout
    assert verdicts(linted.stdout) == dict.fromkeys(CONTRACTS, "KEPT")


@pytest.fixture(scope="module")
def linted_with_all(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """What the linter says of a copy with all that is planted, each in a module of its own."""
    tree = copied(tmp_path_factory.mktemp("planted"))
    for package in ("filters", "sinks"):
        plant(tree, f"{package}.neighbour", "")
    for number, (_, module, source) in enumerate(PLANTED):
        plant(tree, f"{module}_{number}", source)
    return lint(tree)


@pytest.mark.parametrize("number", range(len(PLANTED)), ids=lambda number: " ".join(PLANTED[number]))
def test_a_planted_import_breaks_its_contract(linted_with_all: subprocess.CompletedProcess[str], number: int) -> None:
    """The linter fails on the planted import, and tells it among those that break its contract."""
    contract, module, source = PLANTED[number]
    report = linted_with_all.stdout
    assert linted_with_all.returncode == 1, report
    assert verdicts(report)[contract] == "BROKEN"
    assert f" extproc.{module}_{number} -> {source.split()[1]} (l.1)\n" in broken(report, contract)


def test_every_contract_has_a_planted_violation() -> None:
    """A contract that is added without a violation to show that it works is noticed here."""
    assert {contract for contract, _, _ in PLANTED} == set(CONTRACTS)


def test_every_pure_package_is_kept_from_every_impure_module(tree: Path) -> None:
    """No pure package may import any of the modules that reach a clock, chance, threads or the outside."""
    packages, modules = CONTRACTS[PURE]["source_modules"], CONTRACTS[PURE]["forbidden_modules"]
    for package in packages:
        plant(tree, f"{package.removeprefix('extproc.')}.planted", "\n".join(f"import {name}" for name in modules))
    report = lint(tree).stdout
    missed = [
        f"{package} -> {name}"
        for package in packages
        for name in modules
        if f"{package}.planted -> {name}" not in report
    ]
    assert missed == []


def test_a_package_outside_the_layers_is_noticed(tree: Path) -> None:
    """A new top-level module must be given its layer before the check passes."""
    plant(tree, "homeless", "")
    linted = lint(tree)
    assert linted.returncode == 1
    assert "homeless" in linted.stdout
