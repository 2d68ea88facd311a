"""What `datetime` and `date` are within a run: the same classes, values, pickles and models as ever."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import enum
import functools
import inspect
import pickle
import subprocess
import sys
import types
import typing
from datetime import date, datetime
from importlib.util import find_spec

import pytest

import tracefork


class The:
    """The classes themselves, where no run looks for them."""

    datetime, date = datetime, date


REALS = (The.datetime, The.date)  # a name in a tuple is no name of the module


class Early:
    """Defined before any run, from the real class."""

    clock = datetime.now


# -- the classes --------------------------------------------------------------------------------


def test_within_a_run_the_classes_are_what_they_are():
    value, day, stamp = The.datetime(2024, 2, 29, 1, 2), The.date(2024, 2, 29), Stamp(2024, 1, 1)
    with tracefork.record(virtualize="time"):
        assert datetime is not The.datetime and date is not The.date
        assert isinstance(value, datetime) and isinstance(value, date) and isinstance(day, date)
        assert not isinstance(day, datetime) and not isinstance(1, date)
        assert isinstance(stamp, datetime) and issubclass(Stamp, datetime)
        assert (
            issubclass(The.datetime, datetime)
            and issubclass(datetime, The.datetime)
            and issubclass(datetime, date)
        )
        assert not issubclass(date, datetime) and not issubclass(int, date)
        assert datetime == The.datetime == datetime and date == The.date != datetime
        assert type(value) == datetime == type(datetime.now())  # noqa: E721
        assert len({datetime, The.datetime}) == 1
        assert repr(datetime) == repr(The.datetime) and datetime.__name__ == "datetime"
        assert datetime.__module__ == "datetime" and inspect.isclass(datetime)
        match value:
            case datetime(year=2024, month=2):
                pass
            case _:
                pytest.fail("it matches no pattern")
        assert dt.datetime is datetime and dt.timedelta is type(value - value)
        assert inspect.ismodule(dt) and dt.__name__ == "datetime" and set(dir(dt)) >= {"datetime", "UTC"}


class Stamp(datetime):
    """A subclass with a state of its own, as pandas' Timestamp is one."""

    def __new__(cls, *args, unit="s", **kwargs):
        self = super().__new__(cls, *args, **kwargs)
        self.unit = unit
        return self


MADE = {
    "called": lambda: datetime(2024, 2, 29, 12, 30, 15, 99, tzinfo=dt.UTC, fold=1),
    "fromisoformat": lambda: datetime.fromisoformat("2024-02-29T12:00:00+02:00"),
    "fromtimestamp": lambda: datetime.fromtimestamp(1.5, dt.UTC),
    "local": lambda: datetime.fromtimestamp(1_700_000_000.25),
    "strptime": lambda: datetime.strptime("29.2.2024 +0100", "%d.%m.%Y %z"),
    "combine": lambda: datetime.combine(date(2024, 2, 29), dt.time(1, fold=1)),
    "fromordinal": lambda: datetime.fromordinal(700_000),
    "fromisocalendar": lambda: datetime.fromisocalendar(2024, 9, 4),
    "min": lambda: datetime.min,
    "replace": lambda: datetime(2024, 1, 1).replace(year=2000),
    "sum": lambda: datetime(2024, 1, 1) + dt.timedelta(1),
    "date": lambda: date(2024, 2, 29),
    "date.fromisoformat": lambda: date.fromisoformat("2024-02-29"),
    "date.fromtimestamp": lambda: date.fromtimestamp(1.5),
    "date.max": lambda: date.max,
    "of a pickle": lambda: pickle.loads(pickle.dumps(datetime(2024, 2, 29, fold=1))),
}


@pytest.mark.parametrize("name", MADE)
def test_what_they_make_is_plain_and_as_without_a_run(name):
    bare = MADE[name]()
    with tracefork.record(virtualize="time") as run:
        made = MADE[name]()

    assert type(made) is type(bare) and made == bare and repr(made) == repr(bare)
    assert getattr(made, "fold", 0) == getattr(bare, "fold", 0)
    assert run.tape.draws == ()
    for value in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert value == bare and type(value) in REALS


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_classes_pickle_and_copy_as_the_originals(protocol):
    with tracefork.record(virtualize="time"):
        kept = pickle.dumps([datetime, date, datetime.now(), Stamp], protocol)
        copies = copy.copy(datetime), copy.deepcopy(date)
        assert copies == (datetime, date)
        assert pickle.loads(kept)[:2] == list(REALS)

    loaded = pickle.loads(kept)
    assert b"tracefork" not in kept and all(one is real for one, real in zip(loaded, REALS, strict=False))
    assert type(loaded[2]) is The.datetime and loaded[3] is Stamp


def test_what_the_agent_derives_within_a_run_is_its_own_class():
    def agent():
        class Mine(datetime):
            def tells(self):
                return f"{self:%Y}"

        class Day(date):
            pass

        return Mine, Mine.now(), Mine.now(dt.UTC), Mine.today(), Day.today(), Mine(2024, 1, 1, fold=1)

    with tracefork.record(virtualize="time") as run:
        mine, *first = agent()
        assert (
            not isinstance(The.datetime.now(), mine)
            and not issubclass(The.datetime, mine)
            and mine != The.datetime
        )
    with tracefork.replay(run.tape):
        again = agent()[1:]

    assert [str(value) for value in again] == [str(value) for value in first] and len(run.tape.draws) == 4
    assert all(type(one) is mine for one in [*first[:3], first[4]]) and first[4].tells() == "2024"
    assert isinstance(mine.now(), mine), "and goes on afterwards"


def test_a_class_of_the_agents_from_before_is_left_alone():
    with tracefork.record(virtualize="time") as run:
        assert isinstance(Stamp.now(), Stamp) and Stamp.utcnow.__self__ is Stamp

    assert run.tape.draws == ()


def test_tables_by_class_that_are_made_within_a_run_are_tables_for_good():
    def make():
        @functools.singledispatch
        def tell(value):
            return "else"

        tell.register(datetime, lambda value: "moment")
        tell.register(date, lambda value: "day")
        by_class = {datetime: "moment", date: "day"}
        return lambda value: (tell(value), by_class.get(type(value), "else"))

    with tracefork.record(virtualize="time"):
        inside = make()
        values = [datetime.now(), date.today(), 1]
        within = [inside(value) for value in values]

    assert within == [inside(value) for value in values] == [make()(value) for value in values]
    assert within == [("moment", "moment"), ("day", "day"), ("else", "else")]


@pytest.mark.parametrize("name", ["yaml", "bson", "pendulum", "arrow", "dateutil.parser", "sqlalchemy"])
def test_a_package_that_is_imported_within_a_run_is_whole_for_good(name):
    """In a process of its own: it is imported once."""
    if not find_spec(name.partition(".")[0]):
        pytest.skip(f"{name} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", WHOLE, name], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.stdout == "whole\n", done.stdout + done.stderr


WHOLE = """
import sys, tracefork
from importlib import import_module
import datetime as real
def uses(name, package):
    now = real.datetime(2024, 2, 29, 1, 2, 3)
    if name == "yaml":
        return package.safe_load(package.safe_dump([now, now.date()])) == [now, now.date()]
    if name == "bson":
        return package.decode(package.encode({"at": now}))["at"] == now
    if name == "pendulum":
        return package.instance(now) == package.datetime(2024, 2, 29, 1, 2, 3) and bool(package.now())
    if name == "arrow":
        return package.get(now).naive == now and package.now().naive.year > 2000
    if name == "dateutil.parser":
        return package.parse("2024-02-29T01:02:03") == now and package.parse("10:20").year > 2000
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
    class Base(DeclarativeBase): pass
    class Row(Base):
        __tablename__ = "rows"
        id: Mapped[int] = mapped_column(primary_key=True)
        at: Mapped[real.datetime]
    return str(Row.__table__.c.at.type) == "DATETIME"
name = sys.argv[1]
with tracefork.record(virtualize="time"):
    package = import_module(name)
    within = uses(name, package)
assert within is not False and uses(name, package) is not False
print("whole")
"""


def test_what_typing_keeps_of_them_is_forgotten():
    with tracefork.record(virtualize="time"):
        assert typing.get_args(typing.Optional[datetime])[0] == The.datetime  # noqa: UP045
        assert typing.get_args(typing.Union[datetime, str, The.datetime]) == (datetime, str)  # noqa: UP007

    assert typing.get_args(typing.Optional[datetime])[0] is The.datetime  # noqa: UP045


# -- models -------------------------------------------------------------------------------------

MODEL = """
from __future__ import annotations
import datetime as dt
from datetime import date, datetime
from importlib.util import find_spec
from typing import Optional
from pydantic import BaseModel, Field
class Note(BaseModel):
    at: datetime = Field(default_factory=datetime.now)
    day: date = Field(default_factory=dt.date.today)
    before: Optional[dt.datetime] = None
"""


@pytest.mark.parametrize("future", [True, False])
def test_a_model_of_pydantic_that_is_made_within_a_run_is_a_model_for_good(future):
    pydantic = pytest.importorskip("pydantic")
    module = types.ModuleType("notes_of_an_agent")
    sys.modules[module.__name__] = module
    source = MODEL if future else MODEL.replace("from __future__ import annotations", "")
    try:
        with tracefork.record(virtualize="time") as run:
            exec(compile(source, "notes", "exec"), vars(module))
            first = module.Note(before="2024-02-29T00:00:00Z")
        with tracefork.replay(run.tape):
            assert module.Note(before="2024-02-29T00:00:00Z") == first
        after = module.Note(before=The.datetime(2024, 2, 29))
    finally:
        del sys.modules[module.__name__]

    class Plain(pydantic.BaseModel):
        at: The.datetime
        day: The.date
        before: typing.Optional[The.datetime] = None  # noqa: UP045

    assert type(first.at) is The.datetime and type(first.day) is The.date and len(run.tape.draws) == 2
    assert module.Note.model_validate_json(after.model_dump_json()) == after
    known = module.Note.model_json_schema()["properties"]
    assert {name: what.get("format") for name, what in known.items()} == {
        name: what.get("format") for name, what in Plain.model_json_schema()["properties"].items()
    }
    assert module.datetime is The.datetime and module.dt is sys.modules["datetime"]


def test_defaults_of_dataclasses_are_the_agents():
    @dataclasses.dataclass
    class Early:
        at: datetime = dataclasses.field(default_factory=lambda: datetime.now())

    with tracefork.record(virtualize="time") as run:

        @dataclasses.dataclass
        class Late:
            at: datetime = dataclasses.field(default_factory=datetime.now)

        first = Early(), Late().at
    with tracefork.replay(run.tape):
        assert (Early(), Late().at) == first


# -- limits that are told ------------------------------------------------------------------------


def test_a_bound_method_from_before_is_not_reached():
    with tracefork.record(virtualize="time") as run:
        Early.clock()

    assert run.tape.draws == ()


def test_what_is_compared_by_identity_is_another_class():
    with tracefork.record(virtualize="time"):
        assert type(datetime.now()) is not datetime


def test_an_enum_of_dates_is_not_made_within_a_run():
    with tracefork.record(virtualize="time"), pytest.raises(TypeError, match="metaclass"):

        class Holiday(date, enum.Enum):
            NEW_YEAR = 2024, 1, 1
