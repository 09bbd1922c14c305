"""The configuration file: its sections, their checks, and the position of each problem.

``document`` is the root; ``guards`` has one section per guard, with its own checks; ``load`` reads YAML and records
positions; ``problems`` formats messages. Imports only ``domain``, and reads no file.
"""
