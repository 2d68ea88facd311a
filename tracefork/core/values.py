"""The nouns. Every value is frozen, compares by content, and knows nothing of I/O.

This is where they are imported from, and the module that their classes name as their own:
tapes store `tracefork.core.values:Response`, wherever that is defined.
"""

from __future__ import annotations

from typing import ClassVar, Literal  # noqa: F401  annotations are looked up where a class says it is from

from attrs import has

from .deferred import Deferred
from .http import CANCELLED, End, Fault, Headers, Omitted, Request, Response
from .outcomes import RETURNED, UNFINISHED, Branch, Departure, Escape, Outcome
from .steps import (
    DONE,
    GIVEN_UP,
    JOB,
    Answer,
    Call,
    Draw,
    Effect,
    Exchange,
    Lane,
    Pending,
    Question,
    Reading,
    Reply,
    Source,
    Span,
    Step,
    Timing,
    is_abandoned,
    make_step,
)

__all__ = [
    "CANCELLED",
    "DONE",
    "GIVEN_UP",
    "JOB",
    "RETURNED",
    "UNFINISHED",
    "Answer",
    "Branch",
    "Call",
    "Deferred",
    "Departure",
    "Draw",
    "Effect",
    "End",
    "Escape",
    "Exchange",
    "Fault",
    "Headers",
    "Lane",
    "Omitted",
    "Outcome",
    "Pending",
    "Question",
    "Reading",
    "Reply",
    "Request",
    "Response",
    "Source",
    "Span",
    "Step",
    "Timing",
    "is_abandoned",
    "make_step",
]

for _noun in map(globals().get, __all__):
    if isinstance(_noun, type) and has(_noun):
        _noun.__module__ = __name__
