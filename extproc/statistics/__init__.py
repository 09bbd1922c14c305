"""Evidence of drift and of rollouts, as pure functions of sums: no clock, no chance, no files.

Drift. What is counted is a block of ``BlockSums`` (``sums.py``). ``references.py`` says what is expected of it,
``bets.py`` how much a block speaks for each alternative, ``e_detector.py`` adds that up over blocks and strata, and
``drift.py`` names the strata, raises and clears the alarm, and is stored as JSON. ``normal_mixture.py`` has the
intervals that people see, ``log_histogram.py`` quantiles.

Rollouts. ``gate_evidence.py`` says of one gate whether the canary is worse, or not worse, from ``label_test.py`` (first
events of units) and ``clustered_difference.py`` (``cluster_sums.py``: users in buckets). ``hard_failure.py`` finds an
outage, ``ratio_mismatch.py`` a broken assignment. All of it works over leading axes, so thousands of simulated rollouts
and a real one call the same functions.

Sources: [H21] Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49, 2021, arXiv 1810.08240. [W24] Waudby-Smith,
Arbour, Sinha, Kennedy, Ramdas, Annals of Statistics, 2024, arXiv 2103.06476. [LM22] Lindon, Malek, NeurIPS 2022, arXiv
2011.03567. [SRR23] Shin, Ramdas, Rinaldo, NEJSDS 2023, arXiv 2203.03532. [MRL19] Masson, Rim, Lee, VLDB 2019, arXiv
1908.10693.
"""
