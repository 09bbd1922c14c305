"""Sockets, threads and signals.

``transport`` talks to Envoy, ``workers`` runs several processes behind one address, ``operations`` is the operator's
side: files, log, health, pages.
"""
