"""A run in progress: what `with tracefork.record(...) as run` gives."""
