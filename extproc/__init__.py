"""An Envoy external processor for LLM traffic, in layers: a package imports those below it.

``cli`` and ``app`` put processes together; ``server``, ``sinks`` and ``classifiers`` have sockets, files and threads;
``wire`` turns protobuf messages into events and commands; ``exchange`` is the machine of one request and its response;
``filters`` judge and change texts with ``detectors``; ``payload`` reads the dialects; ``envoy_config`` writes Envoy's
side; ``config`` reads ours; ``domain`` has what all of them speak of. From ``exchange`` down everything is pure.
"""
