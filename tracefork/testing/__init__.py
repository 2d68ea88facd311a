"""Public helpers for tests: contracts as test classes, strategies, scripted providers."""
