"""The times of steps as they are drawn: from the run's beginning, and finite whatever a clock said."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...core.values import Step, Timing

FAR = 1e12
"""Seconds beyond which no clock is believed."""


def since(steps: Sequence[Step]) -> float:
    """When the first of `steps` began, in seconds since the epoch; 0 where there are none."""
    return min((clamped(step.timing.began) for step in steps), default=0.0)


def span(timing: Timing, start: float) -> tuple[float, float, float]:
    """When a step began, had its head, and ended, in seconds from `start`."""
    began = clamped(timing.began) - start
    return began, began + clamped(timing.headed), began + clamped(timing.ended)


def clamped(seconds: float) -> float:
    """`seconds`, no further off than `FAR`; what is no number is 0."""
    return 0.0 if math.isnan(seconds) else min(FAR, max(-FAR, seconds))
