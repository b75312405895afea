"""When jobs run: schedule files, and the scheduler inside the daemon."""
