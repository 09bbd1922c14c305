"""The composition root: the only package that knows and builds every part, for each kind of process.

``serving`` is a process that serves alone, ``supervision`` one that has workers, and ``worker`` one of those; ``parts``
builds what several kinds have. A process imports only what its kind needs.
"""
