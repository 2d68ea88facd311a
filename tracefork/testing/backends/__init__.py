"""The storage contract as a test class, in parts."""
