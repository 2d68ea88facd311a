"""Request bodies as deltas of earlier ones."""
