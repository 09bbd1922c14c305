"""The dialects: what a request says and to whom, what an answer says, and how either is changed.

One module a dialect, listed in ``endpoints``; ``strict_json`` and ``sse`` read bytes, ``view`` is what the layers above
see, ``edits`` splices changes into the bytes that came.
"""
