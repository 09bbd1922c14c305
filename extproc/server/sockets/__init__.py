"""Addresses, socket files and certificates, shared by all parts of the server."""
