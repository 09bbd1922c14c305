"""GPU time in the ledger's database: what servers said of themselves, and what of their time was allocated to whom."""
