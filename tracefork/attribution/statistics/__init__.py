"""Intervals, sequential tests and the posterior of a change point: pure functions of counts."""
