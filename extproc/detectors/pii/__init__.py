"""Personal data and secrets: one module a family of kinds, and the detector that runs them over cells.

Add a kind: a ``PiiKind`` in one of the modules, or in a new one that ``kinds`` lists. A national id: a row in
``ids_of_europe`` or ``ids_elsewhere``.
"""
