"""Envoy's side of the contract: generated configurations, a linter for others, Envoy as a process."""
