"""Whatever an agent draws, in whatever order: a replay gives it again, and nothing of it is left."""

from __future__ import annotations

import os
import random
import secrets
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import tracefork

DRAWS = {
    "now": lambda: datetime.now(),
    "utc": lambda: datetime.now(UTC),
    "today": lambda: datetime.today(),
    "date": lambda: date.today(),
    "time": lambda: time.time(),
    "time_ns": lambda: time.time_ns(),
    "local": lambda: time.localtime(),
    "strftime": lambda: time.strftime("%c %Z"),
    "uuid4": lambda: uuid.uuid4(),
    "random": lambda: random.random(),
    "gauss": lambda: random.gauss(0, 1),
    "choice": lambda: random.choice("abcdef"),
    "urandom": lambda: os.urandom(5),
    "token": lambda: secrets.token_urlsafe(),
    "below": lambda: secrets.randbelow(10**9),
}
KINDS = ("random", "secrets", "time", "uuid")
names = st.lists(st.sampled_from(sorted(DRAWS)), max_size=12)
kinds = st.sets(st.sampled_from(KINDS), min_size=1)

pytestmark = pytest.mark.slow


class The:
    datetime, date, importing = datetime, date, __import__


def drawn(plan):
    return [DRAWS[name]() for name in plan]


def kept():
    return datetime, date, __import__, time.time, os.urandom, uuid.uuid4.__code__, type(random.seed.__self__)


@given(names)
def test_a_replay_gives_what_was_drawn(plan):
    before = kept()
    with tracefork.record(intercept=False, virtualize=KINDS) as run:
        first = drawn(plan)
    for tape in (run.tape, tracefork.loads(tracefork.dumps(run.tape))):
        with tracefork.replay(tape, intercept=False) as again:
            assert drawn(plan) == first
        assert again.tape.digest() == tape.digest() and again.forwarded == 0

    assert kept() == before and datetime is The.datetime


@given(names, kinds)
def test_each_kind_is_drawn_by_itself(plan, asked):
    with tracefork.record(intercept=False, virtualize=asked) as run:
        drawn(plan)

    assert {draw.source.kind for draw in run.tape.draws} <= asked


@given(names, st.data())
def test_a_run_that_goes_on_has_what_was_drawn_before_and_draws_the_rest(plan, data):
    cut = data.draw(st.integers(0, len(plan)))
    with tracefork.record(intercept=False, virtualize=KINDS) as run:
        first = drawn(plan[:cut])
    with tracefork.resume(run.tape, intercept=False) as more:
        whole = drawn(plan)
    with tracefork.replay(more.tape, intercept=False):
        assert drawn(plan) == whole

    assert whole[:cut] == first


@given(st.lists(names, min_size=1, max_size=4))
def test_strands_draw_each_its_own(plans):
    def agent():
        with ThreadPoolExecutor(len(plans)) as pool:
            return list(pool.map(drawn, plans))

    with tracefork.record(intercept=False, virtualize=KINDS) as run:
        first = agent()
    with tracefork.replay(run.tape, intercept=False):
        assert agent() == first


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999))
def test_readings_of_older_tapes_are_what_they_were(seconds, millionths):
    moment = seconds + millionths / 1e6
    with tracefork.record(intercept=False, virtualize="time") as run:
        time.time()
    (draw,) = run.tape.steps
    old = evolve(run.tape, steps=(evolve(draw, reading=evolve(draw.reading, text=repr(moment))),))

    for ask, told in (
        (DRAWS["time"], moment),
        (The.datetime.today, The.datetime.fromtimestamp(moment)),
        (DRAWS["today"], The.datetime.fromtimestamp(moment)),
        (DRAWS["date"], The.date.fromtimestamp(moment)),
        (DRAWS["local"], time.localtime(moment)),
    ):
        with tracefork.replay(old, intercept=False):
            assert ask() == told
    assert "tracefork" not in str(sys.modules["datetime"].datetime)
