"""Our own memory: the ledger, runs, plans, the journal and leases, in SQLite or PostgreSQL."""
