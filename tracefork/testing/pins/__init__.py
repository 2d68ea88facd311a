"""From a run to a test: a tape, the agent that is held to it, and the test file that says so."""
