"""Where ended exchanges go: metrics, the log, the review queue. One module each; none imports another."""
