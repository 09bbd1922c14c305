"""Shares of a rollout as weights in objects of Kubernetes, by which a mesh shares the traffic.

Imported only where a rollout has ``traffic``. What asks the API server needs the official client, an extra.
"""
