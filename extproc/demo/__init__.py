"""The demo: a real Envoy, model servers that replay recordings, and a tour through both.

Only the command line imports it, on demand.
"""
