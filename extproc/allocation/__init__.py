"""Who used a server's GPUs: shares of its time by exchange, that add up to the time.

Pure: arrays in, whole microseconds out; no clock, no store. ``served.py`` has the exchanges of one server,
``running.py`` when each ran, ``step_costs.py`` what a step of the engine costs. ``methods.py`` names the rules that
divide busy time; ``server_time.py`` says what else there was of it, ``slices.py`` cuts it, ``largest_remainder.py``
rounds, and ``allocate.py`` puts it together.

The reference is the Shapley value of each step of the engine, with its requests as players and the time of the step as
what is divided; a proxy sees no steps, so the rules approximate it.
"""
