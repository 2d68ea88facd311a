"""Experiments: is a change better, worse, or the same? Measured by forks in pairs, live from the change.

`blocks` and `evidence` are pure: what is run and what it shows. `lab` runs agents, `bench` keeps the ledger
and the budget, `compare` and `tournament` are what users call.
"""
