"""The zone of local time as a rule, and another one for a while."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork.host import zones

RULES = {
    "Europe/Berlin": "CET-1CEST,M3.5.0,M10.5.0/3",
    "America/New_York": "EST5EDT,M3.2.0,M11.1.0",
    "Australia/Lord_Howe": "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    "Asia/Kathmandu": "<+0545>-5:45",
    "Asia/Tokyo": "JST-9",
    "Europe/Dublin": "IST-1GMT0,M10.5.0,M3.5.0/1",
    "UTC": "UTC0",
}


@contextmanager
def local(variable):
    before = os.environ.get("TZ")
    _set(variable)
    try:
        yield
    finally:
        _set(before)


def _set(variable):
    if variable is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = variable
    time.tzset()


@pytest.mark.parametrize("name", RULES)
def test_the_rule_of_a_zone_is_found_by_its_name_and_by_its_file(name):
    file = next(Path(folder, name) for folder in TZPATH if Path(folder, name).exists())
    for variable in (name, f":{name}", f":{file}", RULES[name]):
        with local(variable):
            assert zones.find() == RULES[name]


@pytest.mark.parametrize("variable", ["", "UTC0", "Etc/UTC", None])
def test_a_machine_that_goes_by_utc_says_so(variable):
    if variable is None and time.tzname[0] != "UTC":
        pytest.skip("this machine goes by another zone")
    with local(variable):
        assert zones.find() == "UTC0"


def test_a_variable_that_came_too_late_is_not_what_the_process_goes_by():
    with local("Asia/Tokyo"):
        os.environ["TZ"] = "Europe/Berlin"
        assert zones.find() == "JST-9"


@given(st.sampled_from(sorted(available_timezones())))
def test_each_zone_has_a_rule_that_tells_the_same_time(name):
    moments = [time.time(), time.time() + 180 * 86_400]
    with local(name):
        rule = zones.find()
        told = [tuple(time.localtime(moment)) for moment in moments]
        is_whole = rule.count(",") == 2 or time.daylight == 0
    with local(rule):
        again = [tuple(time.localtime(moment)) for moment in moments]

    assert again[0][:6] == told[0][:6]
    assert again[1][:6] == told[1][:6] or not is_whole


def test_another_zone_is_the_process_s_until_the_last_one_has_released_it():
    one, other, third = object(), object(), object()
    with local("Asia/Tokyo"):
        zones.enter(one, "CET-1CEST,M3.5.0,M10.5.0/3")
        zones.enter(one, "CET-1CEST,M3.5.0,M10.5.0/3")
        zones.enter(other, "CET-1CEST,M3.5.0,M10.5.0/3")
        zones.enter(third, "EST5EDT,M3.2.0,M11.1.0")
        assert time.tzname == ("CET", "CEST")
        zones.release(one)
        zones.release(third)
        assert time.tzname == ("CET", "CEST") and zones.find() == "CET-1CEST,M3.5.0,M10.5.0/3"
        zones.release(other)
        zones.release(other)
        assert time.tzname[0] == "JST" and os.environ["TZ"] == "Asia/Tokyo"


def test_a_zone_that_the_agent_sets_itself_stays():
    one = object()
    with local("Asia/Tokyo"):
        zones.enter(one, "CET-1CEST,M3.5.0,M10.5.0/3")
        _set("EST5EDT")
        zones.release(one)
        assert os.environ["TZ"] == "EST5EDT"


@pytest.mark.parametrize(
    "rule",
    ["", ":/etc/passwd", "/dev/zero", "Europe/Berlin", "UTC", "CET-1\n", "A" * 40 + "0", "CET-1CEST,,"],
)
def test_what_is_no_rule_changes_nothing(rule):
    before = os.environ.get("TZ")
    with pytest.raises(ValueError, match="no rule of a zone"):
        zones.enter(object(), rule)

    assert os.environ.get("TZ") == before


# -- runs ----------------------------------------------------------------------------------------


def tells():
    now = datetime.now()
    aware = datetime.now(UTC)
    return [
        str(now),
        now.fold,
        now.astimezone().isoformat(),
        aware.astimezone().isoformat(),
        str(datetime.today()),
        str(datetime.fromtimestamp(time.time())),
        time.strftime("%H:%M %Z %z"),
        time.localtime().tm_hour,
        time.ctime(),
        str(datetime(2024, 1, 1).astimezone()),
        str(datetime(2024, 7, 1).astimezone()),
    ]


@pytest.mark.parametrize("recorded", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"])
@pytest.mark.parametrize("replayed", ["Asia/Tokyo", "UTC", "Europe/Dublin"])
def test_a_replay_in_another_zone_tells_what_was_told(recorded, replayed):
    with local(recorded), tracefork.record(virtualize="time") as run:
        first = tells()
    with local(replayed):
        with tracefork.replay(run.tape):
            assert tells() == first
        assert os.environ["TZ"] == replayed and time.localtime().tm_gmtoff == _offset(replayed)


def _offset(name):
    return datetime.now(ZoneInfo(name)).utcoffset().total_seconds()


def test_a_fork_stays_in_the_zone_of_its_tape():
    def agent(times):
        return [datetime.now().astimezone().utcoffset() for _ in range(times)]

    with local("Asia/Tokyo"), tracefork.record(virtualize="time") as run:
        agent(1)
    with local("UTC"):
        with tracefork.resume(run.tape) as more:
            assert agent(2) == [timedelta(hours=9)] * 2
        assert tracefork.verify(more.tape, lambda: agent(2)).ok
        assert datetime.now().astimezone().utcoffset() == timedelta(0)
    assert [draw.reading.text.split()[1] for draw in more.tape.draws] == ["JST-9"] * 2


def test_the_hour_that_comes_twice_is_told_apart():
    with local("Europe/Berlin"):
        late = datetime.fromtimestamp(datetime(2026, 10, 25, 1, 30, tzinfo=UTC).timestamp())
        assert late.fold == 1
        from tracefork.isolation.chance.moments import draw_local

        with tracefork.record(virtualize="time") as run:
            draw_local(run, lambda: late, datetime)
    with local("UTC"), tracefork.replay(run.tape) as again:
        told = draw_local(again, lambda: late, datetime)
        assert told == late and told.fold == 1
        assert told.astimezone(UTC) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_tape_from_before_zones_were_kept_replays_where_it_is():
    from attrs import evolve

    with tracefork.record(virtualize="time") as run:
        time.time()
    (draw,) = run.tape.steps
    old = evolve(run.tape, steps=(evolve(draw, reading=evolve(draw.reading, text="1700000000.25")),))

    with local("Asia/Tokyo"), tracefork.replay(old):
        assert datetime.today() == datetime(2023, 11, 15, 7, 13, 20, 250_000)


def test_two_replays_at_once_of_other_zones_tell_the_moments_of_their_own():
    tapes = {}
    for name in ("Europe/Berlin", "Asia/Tokyo"):
        with local(name), tracefork.record(virtualize="time") as run:
            first = str(datetime.now())
        tapes[name] = run.tape, first
    both = threading.Barrier(2)
    told = {}

    def replay(name):
        with tracefork.replay(tapes[name][0]):
            both.wait(10)
            told[name] = str(datetime.now())
            both.wait(10)

    threads = [threading.Thread(target=replay, args=(name,)) for name in tapes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told == {name: first for name, (_, first) in tapes.items()}


def test_what_is_aware_stays_in_its_own_zone():
    there = timezone(timedelta(hours=3), "there")
    with local("Asia/Tokyo"), tracefork.record(virtualize="time") as run:
        first = datetime.now(there)
    with local("UTC"), tracefork.replay(run.tape):
        again = datetime.now(there)

    assert again == first and again.tzinfo is there
