"""Several processes behind one address, with one configuration and one page of metrics."""
