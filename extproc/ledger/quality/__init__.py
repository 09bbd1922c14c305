"""Drift, in the process that ships: sums of signals that are added with the entries, and who compares them.

``tables`` has what the database holds, ``sums`` adds up entries, ``blocks`` closes blocks and lets each be read once,
``windows`` reads what a version is compared with, ``states`` what is known of each signal, and ``watch`` looks at it.
"""
