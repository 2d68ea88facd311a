"""A run of which step 3 of 8 is the planted cause, and the parts to plant others."""

from __future__ import annotations

from tracefork.validation.planted import PlantedRun

STEPS, CULPRIT = 8, 3


def unless(*at):
    return lambda flags: 0.05 if any(flags[i] for i in at) else 0.95


def slips(*at, often=0.1):
    return tuple(often if i in at else 0.0 for i in range(STEPS))


def world(**more):
    return PlantedRun("one", STEPS, frozenset({CULPRIT}), unless(CULPRIT), slips(CULPRIT), **more)
