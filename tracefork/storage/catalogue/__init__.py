"""What there is to know of each run of a store, in a file beside it that can be thrown away."""
