"""Tables of the detectors that are written from other people's lists."""
