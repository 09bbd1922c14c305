"""Counts tokens with the tokenizers of models, in a process of its own.

Loading a tokenizer holds the interpreter's lock for a second, so the process that serves never does. The library
``tokenizers`` (an extra) is imported in that process only.
"""
