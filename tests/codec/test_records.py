"""What happened, in its order, folds into the tape; and records that contradict each other do not."""

import pytest
from hypothesis import example, given
from tapes import SMALL, tapes, timed

from tracefork.codec.records import Asked, Closed, Ended, Headed, Header, fold, fold_salvaged, list_records
from tracefork.core.tape import Tape
from tracefork.core.values import RETURNED, Reading, Request, Response, Source, Span
from tracefork.errors import CorruptTape

ASKED = Asked(0, Request("GET", "u"), "", 0, 0.0)
ENDED = Ended(0, Response(200), Span(0, 1, 2))


@example(SMALL)
@given(tapes())
def test_the_records_of_a_tape_fold_into_the_tape(tape):
    back = fold(Header.of(tape), list_records(tape))

    assert back == tape
    assert timed(back) == timed(tape)


@given(tapes())
def test_records_come_in_the_order_of_their_ticks(tape):
    def tick(record):
        match record:
            case Asked(began=at) | Headed(tick=at):
                return at
            case Ended(span=span):
                return span.ended
        return float("inf")

    ticks = [tick(record) for record in list_records(tape)]

    assert ticks == sorted(ticks)


def test_a_draw_in_flight_is_left_out():
    asked = Asked(0, Source("clock"), "", 0, 0.0)

    assert fold(Header("r"), [asked]) == Tape(run_id="r")


CONTRADICTIONS = [
    ([ASKED, ASKED], "asked twice"),
    ([ENDED], "was not open"),
    ([ASKED, ENDED, ENDED], "was not open"),
    ([ASKED, Ended(0, Reading("x"), Span(0, 1, 2))], "got a Reading"),
    ([ASKED, Ended(0, Response(200), Span(1, 2, 3))], "began at tick 0"),
    ([Headed(0, 1)], "not waiting"),
    ([ASKED, Headed(0, 1), Headed(0, 1)], "not waiting"),
    ([Closed(RETURNED), Closed(RETURNED)], "closed twice"),
]


@pytest.mark.parametrize(("told", "problem"), CONTRADICTIONS)
def test_records_that_contradict_each_other_are_refused(told, problem):
    with pytest.raises(CorruptTape, match=problem):
        fold(Header("r"), told)


@pytest.mark.parametrize(("told", "problem"), CONTRADICTIONS)
def test_what_is_salvaged_leaves_the_contradiction_out(told, problem):
    assert fold_salvaged(Header("r"), told) == fold_salvaged(Header("r"), told[:-1])
