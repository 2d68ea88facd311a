"""What there is to know of each run of a store, in a file of your cache folder that can be thrown away."""
