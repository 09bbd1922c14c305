"""Processors are replaced, reconfigured and killed while clients ask through a real Envoy: what do they notice?"""
