"""Filters and guards: what is done with the texts of an exchange. Each has a module; none imports another.

``base`` says what one is, ``registry`` which there are, ``chain`` runs several on one channel, ``spans`` and
``json_text`` are stages that guards share. A filter sees texts and their sources, never a body.
"""
