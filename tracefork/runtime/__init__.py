"""The machine of `core` at work: threads, loops and lanes, the journal writer, and who waits for what."""
