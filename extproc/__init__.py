"""An Envoy external processor for LLM traffic, in layers: a package imports only those below it.

``cli`` and ``app`` assemble processes; ``server``, ``sinks`` and ``classifiers`` use sockets, files and threads;
``wire`` translates protobuf messages to events and commands; ``exchange`` is the state machine of one request and its
response; ``filters`` check and change texts with ``detectors``; ``payload`` parses the dialects; ``envoy_config``
generates Envoy's configuration; ``config`` parses ours; ``domain`` holds the shared types. From ``exchange`` down,
everything is pure.
"""
