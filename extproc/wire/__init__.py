"""Envoy's messages: bytes to events, and actions to bytes. The only package besides ``server`` that knows protobuf."""
