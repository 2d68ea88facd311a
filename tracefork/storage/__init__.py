"""Tapes over a backend: the store, lineage, listing, salvage, and single files."""
