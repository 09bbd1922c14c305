"""Several processes behind one address, with one configuration and one metrics page."""


class WorkersFailed(Exception):
    """No worker can be started. The message says how they ended, and what to do."""
