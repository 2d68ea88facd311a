"""Forks as values: where a run is cut, what a fork may cost, and what it is evidence of. Pure."""
