"""What ``extproc demo`` shows: a real Envoy, model servers that replay recorded bytes, and a tour through both.

Only the command line imports it, when it is called.
"""
