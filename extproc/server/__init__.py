"""Everything with sockets, threads and signals.

``transport`` speaks to Envoy, ``workers`` are several processes behind one address, ``operations`` is what operators
see: files, log, health, pages.
"""
