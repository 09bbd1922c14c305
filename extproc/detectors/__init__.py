"""Detectors: pure functions of a text, without configuration, clock or randomness.

``text`` has text tools; the other packages are families of detectors: ``pii``, ``injection``, ``harm``, ``answers``
(for model responses), ``rules`` (for operators' prohibitions). ``weights`` belong to the linear models. Imports only
``domain``.
"""
