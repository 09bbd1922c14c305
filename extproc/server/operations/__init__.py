"""The operator's side of a process: configuration files and reload, log, health, pages."""
