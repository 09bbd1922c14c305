"""What judges a text, and how: pure functions of a text, without configuration, clock or chance.

``text`` has tools over texts; the others are families of detectors: ``pii``, ``injection``, ``harm``, ``answers`` (of
what a model says), ``rules`` (of what an operator forbids). ``weights`` are those of the linear models. Imports
``domain`` alone.
"""
