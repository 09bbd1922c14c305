"""How much a load needs: cores, memory, connections, calls of stores, bytes and series, as plain functions of numbers.

Pure: it knows neither a configuration nor a store. ``workload.py`` is what is asked, ``coefficients.py`` what one
exchange, event or stream takes. Those were measured, and ``coefficients.json`` says by which command, when and on what:
``tests.bench.sizing`` writes it, and compares what is predicted with what is measured. ``processors.py`` and
``stores.py`` multiply, ``thresholds.py`` says what is full first, ``waiting.py`` what a message waits at some
utilization.
"""
