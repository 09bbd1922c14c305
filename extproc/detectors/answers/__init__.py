"""Detectors for responses: refusals, loops, unsupported claims, wrong facts, prompt leaks."""
