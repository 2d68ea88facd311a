"""Policies of tests: what a run may do, whatever its prompts say, and where it did something else. Pure."""
