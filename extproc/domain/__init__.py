"""Shared types of all layers: texts and their sources, findings, usage, records, errors, the contract with Envoy.

Plain values and a few pure functions; imports nothing of the package.
"""
