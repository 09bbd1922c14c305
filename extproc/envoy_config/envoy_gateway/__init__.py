"""Manifests for Envoy Gateway, from the same source as Envoy's own configuration."""
