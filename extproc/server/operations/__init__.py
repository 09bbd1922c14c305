"""What operators see of a process: configuration files and their reload, log, health, pages."""
