"""Classifiers: models that judge texts beside exchanges, in processes or servers of their own."""
