"""The search for the decisive step: what to try next, when to stop, and what is certified. Pure.

No I/O, no clock, no state of chance: all draws follow from a seed. It knows nothing
of tapes or forks; whoever runs forks tells it what came of them.
"""

from __future__ import annotations

from ..statistics.intervals import Interval, clopper_pearson, newcombe, wilson
from ..statistics.sequences import log_evidence, sequence, sequence_difference
from .conclusion import Conclusion
from .config import Config, Tuning
from .estimate import Drop, Estimate, Value, report
from .forecasting import Forecast, forecast
from .planner import Observation, extend, fold, init, observe, plan, stop
from .state import Due, Grade, Kind, Nomination, Probe, State, Status, Tally

__all__ = [
    "Conclusion",
    "Config",
    "Drop",
    "Due",
    "Estimate",
    "Forecast",
    "Grade",
    "Interval",
    "Kind",
    "Nomination",
    "Observation",
    "Probe",
    "State",
    "Status",
    "Tally",
    "Tuning",
    "Value",
    "clopper_pearson",
    "extend",
    "fold",
    "forecast",
    "init",
    "log_evidence",
    "newcombe",
    "observe",
    "plan",
    "report",
    "sequence",
    "sequence_difference",
    "stop",
    "wilson",
]
