"""Envoy and the processor as one program: for ``extproc run`` and ``extproc up``.

It starts processes, and knows of the processor only its command, its configuration and its pages.
"""
