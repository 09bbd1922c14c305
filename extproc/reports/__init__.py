"""Reports on the ledger: what was used, by whom, and whether others counted the same.

``query`` sums in the database, ``report`` compares periods, and one module each writes a format. ``reconcile`` holds
the files of others against the ledger. ``gpu_sums`` and ``gpu_time`` add up GPU time that was allocated,
``gpu_columns`` puts it into a report, and ``gpu_reconcile`` holds a bill against it.
"""
