"""Filters and guards, which process the texts of an exchange. Each has its own module, and none imports another.

``base`` defines the interface, ``registry`` lists all filters, ``chain`` runs several on one channel, ``spans`` and
``json_text`` are stages that guards share. A filter sees texts and their sources, never a body.
"""
