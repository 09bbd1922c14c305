"""What makes a configuration unusable for Envoy though our processor could run with it."""


class EnvoyConfigError(ValueError):
    """The message says which key of the configuration it is, and what to write there."""
