"""The configuration file: sections, what can be wrong with them, and where that is in the file.

``document`` is the whole; ``guards`` has a section for each guard, which checks itself; ``load`` reads YAML and keeps
places; ``problems`` are messages. Imports ``domain`` alone, and reads no file.
"""
