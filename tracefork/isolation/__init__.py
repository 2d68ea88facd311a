"""What surrounds an agent in a run: the network guard, processes, and chance."""
