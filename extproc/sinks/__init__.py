"""Sinks of completed exchanges: metrics, the log, the review queue. One module each; none imports another."""
