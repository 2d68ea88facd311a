"""Controls what an agent reaches outside of its run: the network, processes, and clocks and randomness."""
