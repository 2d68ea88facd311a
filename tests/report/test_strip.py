"""The strip shows every step, however many there are, and a live page draws the same."""

from __future__ import annotations

import re

import pytest
from attrs import evolve
from report import stories

from tracefork import Fault, Response, report
from tracefork.core.values import Timing
from tracefork.report.model.gather import Gathering, view_of
from tracefork.report.page.page import render
from tracefork.report.page.payload import dump, growth
from tracefork.report.page.timeline import COLUMNS, WIDTH, strip

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def run(count, *, lanes=1, wrong=(), large=(), timed=True):
    """A run of `count` short exchanges, of which some fail and some have a large context."""
    asked = stories.question([{"role": "user", "content": "Hi."}], stream=False)
    steps = []
    for number in range(count):
        used = {"input_tokens": 9_000 if number in large else 100, "output_tokens": 5}
        answer = Response(200, (("content-type", "application/json"),), (answered(used),))
        step = stories.exchange(
            asked,
            Fault("ReadTimeout", "late") if number in wrong else answer,
            number,
            lane=f"{number % lanes}",
        )
        steps.append(step if timed else evolve(step, timing=Timing(0.0, 0.0, 0.0)))
    return evolve(stories.release(), steps=tuple(steps))


def answered(used):
    said = (
        b'{"type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi."}],"usage":'
    )
    return said + dump(used).encode() + b"}"


def paths(tape):
    return dict(strip(report.view(tape)).paths)


def numbers(path):
    return [round(float(found), 1) for found in NUMBER.findall(path)]


def bars(path):
    """From where to where each bar goes."""
    return [numbers(bar)[0:3:2] for bar in path.split("z") if bar]


@pytest.mark.slow
@pytest.mark.parametrize("count", [COLUMNS, COLUMNS + 1, 5 * COLUMNS])
def test_an_error_is_drawn_however_many_steps_there_are(count):
    for wrong in (0, 1, count // 2, count - 1):
        assert len(bars(paths(run(count, wrong={wrong}))["error"])) == 1


@pytest.mark.parametrize("at", [1, 333, 3_499])
def test_the_largest_context_is_drawn_however_many_steps_there_are(at):
    tape = run(3_500, large={at})
    drawn = numbers(paths(tape)["growth"])

    assert min(drawn[1::2]) == 34  # the top
    assert drawn[2 * drawn[1::2].index(34)] == pytest.approx(WIDTH * at / 3_500, abs=5)


def test_bars_that_fall_together_reach_from_the_first_beginning_to_the_last_end():
    few, many = paths(run(10)), paths(run(5 * COLUMNS))

    assert bars(few["first"])[0][0] == bars(many["first"])[0][0] == 4
    assert bars(many["rest"])[-1][1] == WIDTH - 4
    assert len(bars(many["rest"])) == COLUMNS


def test_no_strand_is_left_out_where_bars_fall_together():
    drawn = paths(run(3_500, lanes=3))["rest"]

    assert len({numbers(bar)[1] for bar in drawn.split("z") if bar}) == 3


FAKE = """
    window.EventSource = class {
        constructor() { window.told = {}; }
        addEventListener(name, run) { window.told[name] = run; }
        close() {}
    };
"""
DRAWN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
    [...document.querySelectorAll("#strip path")]
        .map((one) => ["class", "d"].map((name) => one.getAttribute(name)))
))))"""


@pytest.fixture
def grown(chromium, tmp_path):
    """A live page that was told of each step of a run."""
    pages = []

    def opened(tape):
        none = evolve(tape, steps=())
        file = tmp_path / "live.html"
        file.write_text(render(view_of(none), none, live="/api/run/x"), "utf-8")
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        pages.append(page)
        page.add_init_script(FAKE)
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        page.evaluate("(all) => all.forEach((data) => told.step({data}))", list(events(tape)))
        return page

    yield opened
    for page in pages:
        page.close()


def events(tape):
    gathering, lanes = Gathering(), []
    for number, exchange in enumerate(tape):
        pieces, known = len(gathering.pool), len(lanes)
        lanes += [exchange.lane] * (exchange.lane not in lanes)
        step = gathering.step(exchange, number, tape[0].timing.began)
        yield dump(growth(step, gathering.pool.pieces, pieces, lanes, known))


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(
    "tape",
    [
        run(5, wrong={2}, large={3}),
        run(5, timed=False),
        run(900, wrong={1, 450}, large={11}, lanes=8),
        run(1_500, wrong={7}, large={8, 1_499}),
    ],
    ids=["few", "without times", "in lanes", "many"],
)
def test_a_live_page_draws_the_strip_of_a_run_that_is_over(grown, tape):
    drawn = grown(tape).evaluate(DRAWN)

    assert [kind for kind, _ in drawn] == [kind for kind, _ in strip(report.view(tape)).paths]
    for (kind, live), (_, over) in zip(drawn, strip(report.view(tape)).paths, strict=True):
        assert numbers(live) == pytest.approx(numbers(over), abs=0.11), kind


@pytest.mark.browser
def test_a_live_page_lists_strands_alone_as_soon_as_there_are_two(grown):
    page = grown(run(6, lanes=2))
    page.click("#lanes button:has-text('1')")

    listed = page.evaluate("[...document.querySelectorAll('#steps li[id]')].map((one) => one.id)")
    assert listed == ["step-1", "step-3", "step-5"]
