"""The demo runs the very Envoy configuration that is shipped: only addresses differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from extproc.demo.installation import LOOPBACK, Installation
from extproc.demo.model_server import ModelServer
from extproc.envoy_config.generate import bootstrap
from extproc.server.sockets.free_ports import free_ports

SHIPPED = Path(__file__).parents[3] / "envoy" / "demo.yaml"
ADDRESS_KEYS = {"routes", "address", "port_value", "path"}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of a tree that is no tree itself, with its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not isinstance(value, dict | list):
        yield path, value
    for key, child in items:
        yield from leaves(child, (*path, key))


def test_only_addresses_differ_from_the_shipped_configuration(tmp_path: Path) -> None:
    """The same keys everywhere; what differs is a port, the path of the socket, or a hash of such."""
    installation = Installation(tmp_path, {name: ModelServer(name, port=9) for name in ("v1", "v2")})
    run = dict(leaves(bootstrap(installation.write_config(None))))
    shipped = dict(leaves(yaml.safe_load(SHIPPED.read_text())))
    assert run.keys() == shipped.keys()
    different = {path[-1] for path in run if run[path] != shipped[path]}
    assert different
    assert different <= ADDRESS_KEYS


def test_envoy_listens_where_it_is_told(tmp_path: Path) -> None:
    """Else on a free port."""
    (port,) = free_ports(1)
    told, free = (Installation(tmp_path, {}, port=one) for one in (port, None))
    assert (told.has_port, told.base_url) == (True, f"http://{LOOPBACK}:{port}")
    assert (free.has_port, free.base_url == told.base_url) == (False, False)
