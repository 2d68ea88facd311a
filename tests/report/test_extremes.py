"""Clocks and measurements that have gone wrong are drawn as far as can be, and cost nothing else."""

from __future__ import annotations

import json
import math
import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from report import stories

from tracefork import Draw, report
from tracefork.core.values import Reading, Source, Span, Timing
from tracefork.report.model.blame import Blame
from tracefork.report.model.clock import FAR
from tracefork.report.page.payload import dump
from tracefork.report.page.timeline import WIDTH, strip

FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e308, -1e308, 0.0, 1e-320])
TIMINGS = st.builds(Timing, FLOATS, FLOATS, FLOATS, st.tuples(FLOATS, FLOATS))


def timed(*timings):
    """A run of exchanges with these timings, and of a draw with the first of them."""
    asked = stories.question([{"role": "user", "content": "Hi."}])
    answer = evolve(stories.anthropic.text("Hello.")(asked), chunks=(b"data: {}\n\n", b"data: {}\n\n"))
    steps = [evolve(stories.exchange(asked, answer, n), timing=timing) for n, timing in enumerate(timings)]
    drew = Draw(Source("clock"), Reading("1"), "", Span(900, 900, 900), timings[0])
    return evolve(stories.release(), steps=(*steps, drew))


@given(st.lists(TIMINGS, min_size=1, max_size=3))
def test_no_clock_is_too_far_off_for_a_report(timings):
    tape = timed(*timings)
    view = report.view(tape)

    for write in (report.html, report.text, report.markdown):
        assert write(tape)
    assert report.html(tape, mode="static")
    assert [step.timing for step in report.tape_in(report.html(tape)).steps] == [s.timing for s in tape.steps]
    for _, path in strip(view).paths:
        assert all(0 <= float(x) <= WIDTH for x in re.findall(r"M(\S+) ", path))
    for step in view.steps:
        assert all(abs(time) <= 3 * FAR for time in (step.began, step.headed, step.ended, *step.arrivals))


def test_a_time_that_is_no_number_is_none():
    view = report.view(timed(Timing(math.nan, math.inf, -math.inf)))

    assert math.isfinite(view.steps[0].ended)
    assert report.text(timed(Timing(math.nan, math.nan, math.nan)))


def ranked(low, high, value=0.5):
    return evolve(stories.BLAME, ranking=(stories.Blamed(3, value, low, high, 1, 2),))


@pytest.mark.parametrize(
    ("low", "high", "drawn", "decided"),
    [
        (-math.inf, math.inf, (-1, 1), False),
        (math.nan, math.nan, (-1, 1), False),
        (0.6, math.inf, (0.6, 1), True),
        (math.nan, 0.9, (-1, 0.9), False),
    ],
)
def test_bounds_that_are_off_the_scale_are_its_ends(low, high, drawn, decided):
    blame = ranked(low, high)
    (mark,) = Blame.of(blame).marks

    assert (mark.low, mark.high) == drawn
    assert mark.decided == decided
    for mode in ("app", "static"):
        assert "inf%" not in report.html(stories.release(), blame=blame, mode=mode)
    assert "nan" not in report.markdown(stories.release(), blame=blame)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_effect_that_is_no_number_is_refused_by_name(value):
    with pytest.raises(ValueError, match="the flip_rate of step 3 is"):
        report.html(stories.release(), blame=ranked(0.1, 0.2, value))


@given(st.recursive(st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=4))
def test_what_no_browser_can_parse_is_never_written(value):
    try:
        text = dump(value)
    except ValueError:
        return

    json.loads(text, parse_constant=lambda name: pytest.fail(name))
