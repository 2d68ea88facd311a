"""What `virtualize=` holds beside freezegun and time-machine: each cell of the table is asked."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import random
import secrets
import sys
import time
import types
import uuid
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from time import time as early_time

import freezegun
import pytest
import time_machine

import tracefork
from tracefork.host import clocks

pytestmark = pytest.mark.slow

pydantic = pytest.importorskip("pydantic")
PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "what-replay-promises.md"
THEN = dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
ALL = {"random", "secrets", "time", "uuid"}


class The:
    datetime, clock = datetime, datetime.now


class Stamp(datetime):
    """A subclass from before, as pandas' Timestamp is one."""


class Noted(pydantic.BaseModel):
    at: datetime = pydantic.Field(default_factory=lambda: datetime.now())


class NotedBefore(pydantic.BaseModel):
    at: datetime = pydantic.Field(default_factory=datetime.now)


def by_default(kind=datetime):
    return kind.now()


def imported_inside():
    from datetime import datetime as inner

    return inner.now()


def noted_inside():
    class Inside(pydantic.BaseModel):
        at: datetime = pydantic.Field(default_factory=datetime.now)

    return Inside().at


# -- the three -----------------------------------------------------------------------------------


class Tracefork:
    """A recording, and then replays of it."""

    def __init__(self):
        self.tape = None

    @contextmanager
    def __call__(self):
        with tracefork.replay(self.tape) if self.tape else tracefork.record(virtualize=ALL) as run:
            yield
        self.tape = run.tape


def hold_by_freezegun():
    return lambda: freezegun.freeze_time(THEN, ignore=["cohere"])


def hold_by_time_machine():
    return lambda: time_machine.travel(THEN, tick=False)


HOLDERS = {"`virtualize=`": Tracefork, "freezegun": hold_by_freezegun, "time-machine": hold_by_time_machine}


# -- what is asked of them -----------------------------------------------------------------------


def same(draw):
    """True if `draw` gives the same in two blocks."""

    def ask(hold):
        told = []
        for _ in range(2):
            with hold():
                told.append(draw())
            time.sleep(0.002)
        return told[0] == told[1]

    return ask


def within(look):
    """What `look` says in a block."""

    def ask(hold):
        with hold():
            return look()

    return ask


def afterwards(make, look):
    """What `look` says, after a block, of what `make` made in it."""

    def ask(hold):
        with hold():
            made = make()
        return look(made)

    return ask


def is_free_of_others(pickled):
    return not any(name in pickled for name in (b"tracefork", b"freezegun", b"time_machine"))


def is_a_class(value, kind):
    return isinstance(value, kind) and issubclass(The.datetime, kind) and issubclass(Stamp, kind)


def make_model():
    class Inside(pydantic.BaseModel):
        at: datetime

    return Inside


def is_usable(model):
    try:
        return type(model(at="2024-02-29T00:00:00").at) is The.datetime
    except pydantic.ValidationError:
        return False


def a_library_tells():
    module = types.ModuleType("openai._utils")
    sys.modules[module.__name__] = module
    exec("import datetime\ndef tell(): return datetime.datetime.now(datetime.UTC)", vars(module))
    try:
        return abs(module.tell().timestamp() - clocks.now()) < 60
    finally:
        del sys.modules[module.__name__]


def moments_go_on(hold):
    told = []
    for _ in range(2):
        with hold():
            told.append((datetime.now(), time.sleep(0.002), datetime.now()))
    return told[0] == told[1] and told[0][0] != told[0][2]


def elsewhere(hold):
    """True if the same local time is told on a machine in another zone."""
    before, told = os.environ.get("TZ"), []
    try:
        for zone in ("CET-1", "JST-9"):
            os.environ["TZ"] = zone
            time.tzset()
            with hold():
                now = datetime.now()
                told.append((str(now), now.astimezone().isoformat()))
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()
    return told[0] == told[1]


def loops_go_on():
    began = time.monotonic()
    time.sleep(0.002)
    return time.monotonic() > began


PROBES = {
    "`datetime.now()`, by `from datetime import datetime` or as `datetime.datetime`": same(
        lambda: [datetime.now(), dt.datetime.now(), datetime.now(dt.UTC), datetime.today()]
    ),
    "by an import within a function": same(imported_inside),
    "`date.today()`": same(lambda: (date.today(), dt.date.today())),
    "`time.time()`, by either import": same(lambda: (time.time(), early_time())),
    "a model's `default_factory=lambda: datetime.now()`": same(lambda: Noted().at),
    "`default_factory=datetime.now` of a model that is made within": same(noted_inside),
    "`default_factory=datetime.now` of a model from before": same(lambda: NotedBefore().at),
    "the class, kept in a default argument from before": same(by_default),
    "the method, kept from before": same(lambda: The.clock()),
    "`now()` of a subclass from before": same(lambda: Stamp.now()),
    "each call has a time of its own, and has it again": moments_go_on,
    "the same local time, `astimezone()` too, on a machine in another zone": elsewhere,
    "`uuid4`, `random`, `secrets`, `os.urandom`": same(
        lambda: (uuid.uuid4(), random.random(), secrets.token_hex(), os.urandom(4))
    ),
    "`isinstance` and `issubclass`, of values from before too": within(
        lambda: is_a_class(datetime.now(), datetime) and is_a_class(NotedBefore().at, datetime)
    ),
    "what `now()` gives is a `datetime`, and nothing else": within(
        lambda: type(datetime.now()) is The.datetime
    ),
    "`type(datetime.now()) is datetime`": within(lambda: type(datetime.now()) is datetime),
    "values pickle without it": afterwards(lambda: pickle.dumps([datetime.now()]), is_free_of_others),
    "a model that is made within is a model for good": afterwards(make_model, is_usable),
    "SDKs tell the real time": within(a_library_tells),
    "`time.monotonic` goes on": within(loops_go_on),
}


def answer(ask, hold):
    try:
        return "✓" if ask(hold) else "—"
    except pydantic.errors.PydanticSchemaGenerationError:
        return "raises"


def ask_all():
    heads = " | ".join(HOLDERS)
    yield f"| | {heads} |"
    yield f"|---|{'---|' * len(HOLDERS)}"
    for name, ask in PROBES.items():
        cells = [answer(ask, make()) for make in HOLDERS.values()]
        yield f"| {name} | {' | '.join(cells)} |"


def test_the_page_says_what_each_of_them_holds():
    table = "\n".join(ask_all())

    assert table in PAGE.read_text(), f"the page is to say\n\n{table}"
