"""Manifests for Istio, from the same source as Envoy's own configuration: one set for each place in a mesh."""
