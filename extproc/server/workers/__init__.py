"""Several processes behind one address, with one configuration and one metrics page."""
