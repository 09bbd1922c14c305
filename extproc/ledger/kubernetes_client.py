"""The official client of an API server: by ``KUBECONFIG`` if that is set, otherwise by the pod's service account."""

from __future__ import annotations

import os

from kubernetes import client, config
from kubernetes.config import ConfigException


class NoApiServer(Exception):
    """There is no way to reach one. The message says why, and what to do."""


def connected_client() -> client.ApiClient:
    """A client that tries each request once. Raises: NoApiServer."""
    settings = client.Configuration()
    try:
        if file := os.environ.get("KUBECONFIG"):
            config.load_kube_config(file, client_configuration=settings)
        else:
            config.load_incluster_config(client_configuration=settings)
    except (ConfigException, OSError) as error:
        said = str(error).rstrip(".")
        hint = "Mount the token of a service account into the container, or set KUBECONFIG."
        raise NoApiServer(f"The API server cannot be reached: {said}. {hint}") from None
    settings.retries = False  # the caller tries again, later
    return client.ApiClient(settings)
