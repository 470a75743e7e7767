"""The journal: an append-only SQLite file of every evaluation, and how it is read."""
