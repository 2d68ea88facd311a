"""Events, which tell the machine what an adapter saw, and orders, which tell the adapter what to do next."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from .values import Answer, Lane, Question, Step


@frozen
class Asked:
    """The agent asked; `call` is a fresh number chosen by the adapter.

    `alone`: no interchangeable sibling strand is alive that might ask what this
    one skips. `waits`: the adapter can wait. It cannot for a draw, nor on a
    thread whose event loop it would freeze.

    `forms` are further ones in which the script may have the question, each with what would be asked then,
    the likeliest first. It is `edited` if it was so by edits that the script knows nothing of.
    """

    call: int
    question: Question
    lane: Lane = ""
    alone: bool = True
    waits: bool = True
    forms: tuple[tuple[Question, Question], ...] = ()
    edited: bool = False


@frozen
class Headed:
    """The adapter is about to hand the agent the head of the answer."""

    call: int
    waits: bool = True


@frozen
class Ended:
    """The agent has had all it will take of the answer, which was `answer`."""

    call: int
    answer: Answer
    waits: bool = True


@frozen
class Strayed:
    """The call left the script: its wait outlasted patience, or it read past a recorded close."""

    call: int
    stalled: bool


Event: TypeAlias = Asked | Headed | Ended | Strayed


@frozen
class Forward:
    """Ask the real world, then report `Headed` and `Ended`."""


@frozen
class Serve:
    """Answer from the script, then report `Headed` and `Ended`.

    `after` names a tool that ran anew before this, of which a recorded tool's answer knows nothing.
    """

    answer: Answer
    after: str = ""


@frozen
class Go:
    """Proceed."""


@frozen
class Wait:
    """Not yet: send the event again once `state.turn >= turn`."""

    turn: int


@frozen
class Commit:
    """The step is over; append it to the tape."""

    step: Step


@frozen
class Halt:
    """The agent left the script. Sticky: whoever asks or waits after this gets the same one.

    `expected` is the place in the script of the line that should have come, or
    None where none is left; `stalled` tells a wait that lapsed from a question
    that cannot be answered, `overread` a body that was read past its recorded close.
    `reason` is one of a `Departure`, where a line could answer and is not to.
    """

    asked: Question
    lane: Lane
    expected: int | None
    stalled: bool = False
    overread: bool = False
    reason: str = ""


Order: TypeAlias = Forward | Serve | Go | Wait | Commit | Halt
