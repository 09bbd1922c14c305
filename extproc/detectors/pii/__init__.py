"""Personal data and secrets: one module a family of kinds, and the detector that runs them over cells.

Add a kind: a ``Recognizer`` in one of the modules, its gate and its beginning.
"""
