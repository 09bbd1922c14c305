"""Harmful requests and abusive words: lexicons in several languages, and a linear model."""
