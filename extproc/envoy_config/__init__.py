"""Envoy's side of the contract: configurations that fit a document, a linter for others, Envoy as a process."""
