"""The ledger: the append-only record of a project."""
