"""Tools over texts: reading, folding, cutting, matching. They find nothing by themselves, and import no family."""
