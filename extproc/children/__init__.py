"""Child processes of a process that serves: how they are started, spoken to, and ended. Knows none of their tasks."""
