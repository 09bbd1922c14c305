"""Spans and metrics of ended exchanges, by OpenTelemetry's conventions for generative AI, over OTLP."""


class OtelUnavailable(Exception):
    """Nothing can be exported: a file cannot be read. The message says which."""
