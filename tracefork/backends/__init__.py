"""Named byte logs: the protocol, and its memory, directory and SQLite forms."""
