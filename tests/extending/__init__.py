"""What it takes to add something: the steps of CONTRIBUTING, done in a copy of the tree."""
