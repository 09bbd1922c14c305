"""An engine that batches continuously as vLLM does, in simulation, and what each request of a step really costs.

Nothing that a proxy sees says who used a GPU, so rules of ``extproc/allocation`` are compared with an engine of which
everything is known. ``step_laws.py`` says how long a step takes, ``kv_blocks.py`` and ``engine.py`` which requests
are in it, ``runs.py`` what is recorded, ``shapley.py`` what each request is charged, ``traffic_mixes.py`` who asks.

The scheduler follows vLLM's published description (V1: a budget of tokens for each step, chunked prefill next to
decoding, first come first served, preemption of the latest by recompute, prefix caching by blocks).
"""
