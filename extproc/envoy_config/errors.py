"""Errors of a configuration that is valid for our processor, but unusable for Envoy."""


class EnvoyConfigError(ValueError):
    """The message names the configuration key, and the fix."""
