"""`datetime` in an agent's modules: what it tells is drawn through the run, and nothing is left of that."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import subprocess
import sys
import types
import warnings
from datetime import date, datetime
from datetime import datetime as moment
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

import freezegun
import pytest
import time_machine
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork.errors import CorruptTape


class The:
    """The classes themselves, where no run looks for them."""

    datetime, date = datetime, date


REALS = (The.datetime, The.date)  # a name in a tuple is no name of the module
TOKYO = dt.timezone(dt.timedelta(hours=9), "JST")


class Early:
    """Defined before any run, from the real class."""

    clock = datetime.now


def call(function):
    return function()


def imported_inside():
    from datetime import datetime as inner

    return inner.now()


def imported_as_a_module():
    import datetime

    return datetime.datetime.now()


def imported_by_star():
    names = {"__name__": "stars"}
    exec("from datetime import *", names)
    return names["datetime"].now()


DRAWS = {
    "now": lambda: datetime.now(),
    "now in UTC": lambda: datetime.now(dt.UTC),
    "now by name": lambda: datetime.now(tz=TOKYO),
    "now in a zone": lambda: datetime.now(ZoneInfo("America/New_York")),
    "today": lambda: datetime.today(),
    "another name": lambda: moment.now(),
    "of the module": lambda: dt.datetime.now(),
    "imported inside": imported_inside,
    "a module imported inside": imported_as_a_module,
    "imported by star": imported_by_star,
    "a method": lambda: call(datetime.now),
    "mapped": lambda: next(map(dt.datetime.now, [dt.UTC])),
    "local and aware": lambda: datetime.now().astimezone(),
    "a part": lambda: functools.partial(datetime.now, dt.UTC)(),
}
DAYS = {
    "date.today": lambda: date.today(),
    "dt.date.today": lambda: dt.date.today(),
    "datetime.now().date()": lambda: datetime.now().date(),
}


def drawn_long_ago(tape, years=10):
    """`tape` with each reading as many years earlier."""

    def change(text):
        first, *rest = text.split(" ")
        if "T" in first:
            then = The.datetime.fromisoformat(first)
            return " ".join([then.replace(year=then.year - years, day=min(then.day, 28)).isoformat(), *rest])
        return " ".join([repr(float(first) - years * 366 * 86_400), *rest])

    steps = [evolve(s, reading=evolve(s.reading, text=change(s.reading.text))) for s in tape.steps]
    return evolve(tape, steps=tuple(steps))


@pytest.mark.parametrize("name", DRAWS)
def test_what_was_drawn_is_drawn_again_and_is_plain(name):
    draw = DRAWS[name]
    before = The.datetime.now(dt.UTC)
    with tracefork.record(virtualize="time") as run:
        first = draw()
    for tape in (run.tape, tracefork.loads(tracefork.dumps(run.tape))):
        with tracefork.replay(tape):
            again = draw()
        assert again == first and again.isoformat() == first.isoformat() and again.tzinfo == first.tzinfo

    assert type(first) is The.datetime
    assert before - dt.timedelta(seconds=1) <= first.astimezone(dt.UTC) <= The.datetime.now(dt.UTC)
    assert draw() != first, "not even by itself does it vary"


@pytest.mark.parametrize("name", DAYS)
def test_a_day_is_the_recorded_day(name):
    draw = DAYS[name]
    with tracefork.record(virtualize="time") as run:
        first = draw()
    with tracefork.replay(drawn_long_ago(run.tape)):
        again = draw()

    assert type(first) is type(again) is The.date
    assert first == The.date.today() and again.year <= first.year - 10


def utcnow(kind):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return kind.utcnow(), [(w.category, str(w.message), w.filename) for w in told]


def test_utcnow_is_drawn_and_deprecated_as_ever():
    bare, told = utcnow(datetime)
    with tracefork.record(virtualize="time") as run:
        first = utcnow(datetime)
    with tracefork.replay(run.tape):
        assert utcnow(datetime) == first

    assert first[1] == told and first[0].tzinfo is None
    assert bare <= first[0] <= bare + dt.timedelta(seconds=5)


def test_a_zone_that_is_none_is_refused_as_ever():
    with pytest.raises(TypeError) as bare:
        datetime.now("UTC")
    with tracefork.record(virtualize="time"), pytest.raises(TypeError) as within:
        datetime.now("UTC")

    assert str(within.value) == str(bare.value)


# -- whose draws they are -----------------------------------------------------------------------


def library(source, name="openai._models"):
    module = types.ModuleType(name)
    exec(source, vars(module))
    return module


def test_what_a_library_imports_within_a_run_is_the_original():
    with tracefork.record(virtualize="time") as run:
        made = library("import datetime\nfrom datetime import datetime as one\nnow = one.now()")

    assert made.one is The.datetime and made.datetime is sys.modules["datetime"] and run.tape.draws == ()


def test_a_class_that_is_handed_to_a_library_draws_nothing_there():
    made = library("def tell(kind): return kind.now(), kind.today()")
    with tracefork.record(virtualize="time") as run:
        made.tell(datetime)

    assert run.tape.draws == ()


def test_tools_and_other_kinds_draw_nothing():
    @tracefork.tool
    def tell():
        return datetime.now().isoformat()

    with tracefork.record(virtualize="time") as run:
        tell()
    assert run.tape.draws == ()
    with tracefork.record(virtualize={"uuid", "random"}) as run:
        assert datetime is The.datetime and dt is sys.modules["datetime"]
        datetime.now()
    assert run.tape.draws == ()


def test_tasks_draw_each_from_its_own_lane():
    async def one(n):
        said = []
        for _ in range(5):
            await asyncio.sleep(0)
            said.append((n, datetime.now(), dt.datetime.now(dt.UTC)))
        return said

    async def agent():
        return await asyncio.gather(*(one(n) for n in range(6)))

    with tracefork.record(virtualize="time") as run:
        first = asyncio.run(agent())
    for _ in range(3):
        with tracefork.replay(run.tape):
            assert asyncio.run(agent()) == first


# -- nothing is left ----------------------------------------------------------------------------


def test_afterwards_all_is_as_it_was():
    import builtins

    before = builtins.__import__
    with tracefork.record(virtualize="time"), tracefork.record(virtualize={"time", "uuid"}):
        assert builtins.__import__ is not before and datetime is not The.datetime
        held = datetime, dt, datetime.now
        globals()["bound_within"] = datetime

    assert builtins.__import__ is before and datetime is The.datetime and date is The.date
    assert (
        moment is The.datetime
        and dt is sys.modules["datetime"]
        and globals().pop("bound_within") is The.datetime
    )
    assert type(held[0].now()) is type(held[1].datetime.now()) is type(held[2]()) is The.datetime, (
        "also what is held"
    )
    assert imported_as_a_module.__globals__["dt"].datetime is The.datetime


def test_a_module_that_is_imported_within_a_run_draws_and_keeps_nothing(tmp_path, monkeypatch):
    (tmp_path / "dated_within.py").write_text(
        "import datetime\nfrom datetime import datetime as one, date\n"
        "STARTED = one.now()\ndef draw(): return STARTED, datetime.datetime.now(), date.today()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def agent():
        sys.modules.pop("dated_within", None)
        import dated_within

        return dated_within.draw()

    with tracefork.record(virtualize="time") as run:
        first = agent()
    with tracefork.replay(run.tape):
        assert agent() == first
    made = sys.modules.pop("dated_within")
    assert (made.one, made.date, made.datetime) == (The.datetime, The.date, sys.modules["datetime"])
    assert made.one is The.datetime


def test_a_module_that_warns_of_its_import_names_the_importer(tmp_path, monkeypatch):
    (tmp_path / "old_fashioned.py").write_text(
        "import warnings\nwarnings.warn('do not', DeprecationWarning, stacklevel=2)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with tracefork.record(virtualize="time"), pytest.warns(DeprecationWarning, match="do not") as told:
        import old_fashioned  # noqa: F401

    assert [Path(one.filename).name for one in told] == [Path(__file__).name]
    del sys.modules["old_fashioned"]


def test_an_import_that_fails_fails_as_ever():
    def ask():
        with pytest.raises(ImportError) as told:
            from datetime import no_such_name  # noqa: F401
        with pytest.raises(ModuleNotFoundError) as gone:
            import no_such_module  # noqa: F401
        return str(told.value), str(gone.value)

    bare = ask()
    with tracefork.record(virtualize="time"):
        assert ask() == bare


@pytest.mark.slow
def test_a_script_by_name_of_main_is_an_agent_too(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import datetime as dt\nfrom datetime import datetime, date\n"
        "print(datetime.now().isoformat(), dt.datetime.now(dt.UTC).isoformat(), date.today())\n"
    )
    root = Path(__file__).parents[2]
    for command in (
        ["run", "--virtualize", "time", "--store", "s.db", "script.py"],
        ["verify", "--store", "s.db", "last", "script.py"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "tracefork", *command],
            cwd=tmp_path,
            env={"PYTHONPATH": str(root), "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


# -- beside others that replace them ---------------------------------------------------------------

PAST = datetime(2001, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    "freeze",
    [
        lambda: freezegun.freeze_time(PAST, ignore=["cohere"]),
        lambda: time_machine.travel(PAST.replace(tzinfo=dt.UTC), tick=False),
    ],
    ids=["freezegun", "time-machine"],
)
class TestFrozen:
    def test_a_run_under_a_frozen_clock_keeps_what_the_agent_saw(self, freeze):
        with freeze(), tracefork.record(virtualize="time") as run:
            first = tells()
        with tracefork.replay(run.tape):
            assert tells() == first

        assert set(first) == {PAST.isoformat(), f"{PAST.isoformat()}+00:00", "2001-02-03"}
        assert len(run.tape.draws) == 5 and datetime is The.datetime

    def test_a_replay_under_a_frozen_clock_gives_what_was_recorded(self, freeze):
        with tracefork.record(virtualize="time") as run:
            first = tells()
        with freeze():
            with tracefork.replay(run.tape):
                assert tells() == first
            assert tells()[0] == PAST.isoformat()
        assert datetime is The.datetime and date is The.date and dt.datetime is The.datetime

    def test_a_clock_that_freezes_within_a_run_is_what_is_drawn(self, freeze):
        def agent():
            first = tells()
            with freeze():
                frozen = tells()
            return first, frozen, tells()

        with tracefork.record(virtualize="time") as run:
            first = agent()
        with tracefork.replay(run.tape):
            assert agent() == first
        assert first[1][0] == PAST.isoformat() and first[0] != first[1] != first[2]
        assert datetime is The.datetime and date is The.date


def tells():
    now = [datetime.now(), dt.datetime.now(dt.UTC), datetime.today(), dt.date.today(), date.today()]
    return [value.isoformat() for value in now]


def test_mocks_of_the_module_and_of_a_name_are_the_agents():
    class Fixed(The.datetime):
        @classmethod
        def now(cls, tz=None):
            return PAST if tz is None else PAST.replace(tzinfo=tz)

    with tracefork.record(virtualize="time") as run:
        with mock.patch.object(dt, "datetime", Fixed):
            assert dt.datetime.now() == PAST
        with mock.patch(f"{__name__}.datetime") as stand_in:
            stand_in.now.return_value = PAST
            assert datetime.now() == PAST
        with mock.patch.object(dt, "date", None):
            assert dt.date is None
        assert dt.datetime is datetime
    assert dt.datetime is datetime is The.datetime and dt.date is The.date
    assert len(run.tape.draws) == 1


# -- readings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["yesterday UTC0", "2024-02-30T00:00:00 UTC0", "2024-02-29T00:00:00 :/etc/passwd", ""]
)
def test_a_reading_that_is_none_is_named(text):
    with tracefork.record(virtualize="time") as run:
        datetime.now()
    (draw,) = run.tape.steps
    tape = evolve(run.tape, steps=(evolve(draw, reading=evolve(draw.reading, text=text)),))

    with pytest.raises(CorruptTape, match="a draw of time"), tracefork.replay(tape):
        datetime.now()


@pytest.mark.slow
@given(st.datetimes(), st.integers(0, 1))
def test_any_moment_comes_back_whole(value, fold):
    value = value.replace(fold=fold)
    from tracefork.isolation.chance.moments import draw_local, draw_utc

    with tracefork.record(intercept=False, virtualize="time") as run:
        kept = [
            draw_local(run, lambda: value, The.datetime),
            draw_utc(run, lambda: value.replace(tzinfo=dt.UTC), The.datetime),
        ]
    with tracefork.replay(run.tape, intercept=False) as again:
        served = [
            draw_local(again, The.datetime.now, The.datetime),
            draw_utc(again, The.datetime.now, The.datetime),
        ]

    assert kept == served == [value, value.replace(tzinfo=dt.UTC)]
    assert served[0].fold == fold
