"""Tool calls of a run: decorators and wrapping, two-phase calls, and Python values as JSON and back."""
