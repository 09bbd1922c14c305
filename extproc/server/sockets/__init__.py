"""Addresses, socket files, certificates: what every room of the server may use."""
