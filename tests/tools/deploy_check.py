"""``make deploy-check``: all that is known of deployment without a cluster, with a line for each thing.

The checks are tests of the default suite. Here they run alone, two parts at once, and say first which of the programs
that they need are there: what one of them would have checked is counted as skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from extproc.envoy_config.envoy_process import EnvoyMissingError, envoy_binary
from tests.suite import Part, folder_of_tests, run, summary

ROOT: Final = Path(__file__).parents[2]
AT_ONCE: Final = 2
NO_TESTS: Final = 5
"""pytest's exit code where it finds none."""
TOOLS: Final = {
    "helm": ("version", "--short"),
    "kubectl": ("version", "--client"),
    "kustomize": ("version",),
    "promtool": ("--version",),
    "valkey-server": ("--version",),
    "hadolint": ("--version",),
}
"""What prints the version of each."""


def _part(name: str, *files: str) -> Part:
    return Part(name, tuple(f"tests/deploy/test_{each}.py" for each in files))


NAMED: Final = (
    _part("meshes at work: the real Envoy as Istio would configure it", "live_mesh", "live_proxy", "marks_in_the_mesh"),
    _part(
        "Helm: lint --strict, template, each value, Kubernetes 1.31 to 1.37, CRDs and CEL", "helm_chart", "helm_istio"
    ),
    _part("Helm: upgrades from the first release, names of releases", "helm_upgrade"),
    _part("Helm: marks between two hops", "helm_hops"),
    _part("Helm: the doctor as a test and as an init container", "helm_doctor"),
    _part("Istio: injection of the sidecar", "injection"),
    _part("Istio: objects against CRDs and CEL, patches, routes", "mesh_manifests", "envoy_filter", "mesh_routes"),
    _part("kustomize: base, components and overlays", "kustomize", "manifests", "gpu_pods", "rollout_weights"),
    _part("examples: two versions, a shared gateway, a laptop", "examples", "shared_gateway", "laptop"),
    Part("image: Dockerfile, files, licenses, bill of materials", ("tests/deploy/image",)),
    _part("Prometheus, Grafana, Argo Rollouts, Flagger", "monitoring", "delivery_templates"),
)


def parts() -> tuple[Part, ...]:
    """Those with a name, and one of all other tests in the folder."""
    others = tuple(f"--ignore={file}" for part in NAMED for file in part.arguments)
    return (*NAMED, Part("all others", ("tests/deploy", *others)))


def version_of(name: str, arguments: Sequence[str]) -> str:
    """The first line that a program says of itself; what is missing without it."""
    ours = [ROOT / folder / name for folder in (".kubernetes-tools", ".venv/bin")]
    found = next((str(path) for path in ours if path.exists()), shutil.which(name))
    if found is None:
        return "not there, so what needs it is skipped"
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def main() -> NoReturn:
    """Run all parts; the exit code is that of the first that fails."""
    for name, arguments in TOOLS.items():
        print(f"{name}: {version_of(name, arguments)}", flush=True)
    try:
        print(f"envoy: {envoy_binary()}", flush=True)
    except EnvoyMissingError as missing:
        print(f"envoy: {missing}", flush=True)
    with tempfile.TemporaryDirectory(prefix="t-", dir=folder_of_tests()) as folder:
        os.environ["TMPDIR"] = folder
        # a part without any test, such as "all others", is as good as one whose tests pass
        results = [result for result in run(parts(), Path(folder), AT_ONCE) if result.code != NO_TESTS]
    print(summary(results), flush=True)
    raise SystemExit(next((result.code for result in results if result.code), 0))


if __name__ == "__main__":
    main()
