"""``make models``: writes the wheel ``llm-extproc-models``.

    python -m tests.tools.models_wheel [--carriers FOLDER] [--output FOLDER]

Makes everything twice, compares, and holds each file to the SHA-256 that ``FILES`` of the package states. After a
change of the export it says what the new SHA-256 is: state it there.
"""

from __future__ import annotations

import argparse
import hashlib
import runpy
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import orjson

from tests.tools.models_wheel.bert_graph import Precision, bert_model
from tests.tools.models_wheel.safetensors import float_tensors, unpacked_tensors
from tests.tools.models_wheel.sources import CARRIERS, ROOT, Source, SourceUnusable, content_of, recorded_sources
from tests.tools.models_wheel.wheel import wheel_bytes, wheel_name

PROJECT = ROOT / "packages" / "models"
PACKAGE = "llm_extproc_models"
WEIGHTS, CONFIG = "all-MiniLM-L6-v2/model.safetensors", "all-MiniLM-L6-v2/config.json"
TRAINED = PROJECT / "trained" / "guards.safetensors"
"""What `make train` has made of the upper layers, with a head."""


def made_files(sources: Mapping[str, Source], carriers: Path) -> dict[str, bytes]:
    """The model files of the wheel by name. Raises: SourceUnusable."""
    copied = {source.in_wheel: content_of(source, carriers) for source in sources.values() if source.in_wheel}
    heads = orjson.loads(content_of(sources[CONFIG], carriers))["num_attention_heads"]
    tensors = float_tensors(content_of(sources[WEIGHTS], carriers))
    trained = {**tensors, **unpacked_tensors(TRAINED.read_bytes())}
    guards = bert_model(trained, heads, Precision.INT8_MULTIPLIED)
    return {**copied, "minilm.onnx": bert_model(tensors, heads), "guards.onnx": guards}


def stated_hashes() -> dict[str, str]:
    """The SHA-256 of each model file, as the package's source states it."""
    return {file.name: file.sha256 for file in runpy.run_path(str(PROJECT / PACKAGE / "__init__.py"))["FILES"]}


def differences(files: Mapping[str, bytes], stated: Mapping[str, str]) -> list[str]:
    """What differs from the stated hashes, for the person who made a change."""
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    names = sorted(found.keys() | stated.keys())
    return [
        f"{name}: FILES in packages/models states {stated.get(name, 'nothing')}, made was {found.get(name, 'nothing')}"
        for name in names
        if found.get(name) != stated.get(name)
    ]


def built_wheel(files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Name and bytes of the wheel."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licenses = {path.name: path.read_bytes() for path in (PROJECT / "licenses").iterdir()}
    module = (PROJECT / PACKAGE / "__init__.py").read_bytes()
    return wheel_name(project), wheel_bytes(project, PACKAGE, {"__init__.py": module, **files}, licenses)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.models_wheel", description=__doc__)
    parser.add_argument("--carriers", type=Path, default=CARRIERS, help="where the wheels of other projects are")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="default: dist")
    asked = parser.parse_args()
    sources = {source.name: source for source in recorded_sources()}
    try:
        files, again = made_files(sources, asked.carriers), made_files(sources, asked.carriers)
    except SourceUnusable as unusable:
        sys.exit(str(unusable))
    different = differences(files, stated_hashes())
    if different:
        sys.exit("\n".join(different))
    (name, wheel), other = built_wheel(files), built_wheel(again)
    if (name, wheel) != other:
        sys.exit("the same sources gave two different wheels: the export is not reproducible")
    asked.output.mkdir(parents=True, exist_ok=True)
    (asked.output / name).write_bytes(wheel)


if __name__ == "__main__":
    main()
