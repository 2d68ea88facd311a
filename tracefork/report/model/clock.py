"""Times of steps for drawing: seconds from the run's beginning, and finite whatever was recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...core.values import Step, Timing

FAR = 1e12
"""Seconds beyond which no clock is believed."""


def since(steps: Sequence[Step]) -> float:
    """When the first of `steps` began, in seconds since the epoch; 0 where there are none."""
    return min((clamp(step.timing.began) for step in steps), default=0.0)


def span(timing: Timing, start: float) -> tuple[float, float, float]:
    """When a step began, had its head, and ended, in seconds from `start`."""
    began = clamp(timing.began) - start
    return began, began + clamp(timing.headed), began + clamp(timing.ended)


def clamp_all(seconds: Sequence[float]) -> tuple[float, ...]:
    """Return all of them limited so."""
    if sum(map(abs, seconds)) <= FAR:  # which is false of a sum with a NaN in it
        return tuple(seconds)
    return tuple(map(clamp, seconds))


def clamp(seconds: float) -> float:
    """Return `seconds` limited to `FAR` on both sides; NaN becomes 0."""
    return 0.0 if math.isnan(seconds) else min(FAR, max(-FAR, seconds))
