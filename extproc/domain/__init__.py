"""What every layer speaks of: texts and their sources, findings, usage, records, errors, the contract with Envoy.

Plain values and a few pure functions on them; imports nothing of the package.
"""
