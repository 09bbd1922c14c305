"""Classifiers: models that run out of band, in processes or on remote servers."""
