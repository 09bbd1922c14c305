"""The dialects: how each API's requests and responses are read and changed.

One module per dialect, listed in ``endpoints``. ``strict_json`` and ``sse`` parse bytes, ``view`` is the interface for
the layers above, ``edits`` splices changes into the original bytes.
"""
