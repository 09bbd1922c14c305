"""Envoy's messages: bytes to events and actions to bytes. The only package beside ``server`` that knows protobuf."""
