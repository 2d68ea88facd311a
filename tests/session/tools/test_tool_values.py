"""What a tool returned is what a replay returns: of its class, and holding the same."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import datetime as dt
import subprocess
import types
import zoneinfo
from collections.abc import Iterator

import pydantic
import pytest
from kinds import (
    Access,
    Cat,
    Click,
    Colour,
    Dog,
    Dropping,
    Event,
    Generic,
    Level,
    Nothing,
    Odd,
    Open,
    Pair,
    Plane,
    Point,
    Puppy,
    Root,
    Seat,
    Word,
    ran,
)

import tracefork
from tracefork.errors import Unrecordable
from tracefork.session.tools.python_values import are_same


@pytest.fixture(autouse=True)
def _anew():
    ran.clear()


def cached():
    cat = Cat("tom")
    assert cat.loud
    return cat


def with_defaults(factory):
    made = collections.defaultdict(factory, b=1)
    made["a"]
    return made


VALUES = {
    "a dataclass": lambda: Dog("rex"),
    "a subclass, with what is no argument": lambda: Puppy("rex", 4),
    "a frozen one with slots": lambda: Point(1.5),
    "one with a cached property": cached,
    "an attrs class": lambda: Seat(4, secret=b"x"),
    "attrs, mutable and nested": lambda: Plane([Seat(1), Seat(2)]),
    "a model": lambda: Event(),
    "a model with an alias and a private field": lambda: Click(posX=4),
    "a model with extras": lambda: Open(when=dt.datetime(2024, 1, 1, tzinfo=dt.UTC), more=[1]),
    "a root model": lambda: Root([1, 2]),
    "URLs of pydantic": lambda: [
        pydantic.HttpUrl("http://é.com/?q=1"),
        pydantic.PostgresDsn("postgres://a:1,b:2/c"),
    ],
    "an enum": lambda: Colour.RED,
    "an enum of a tuple": lambda: Colour.BLUE,
    "an int enum": lambda: Level.HIGH,
    "a str enum": lambda: Word.YES,
    "a flag": lambda: Access.READ,
    "flags together": lambda: Access.READ | Access.WRITE,
    "no flag": lambda: Access(0),
    "a standard library enum": lambda: subprocess.sys.version_info and socket_family(),
    "a namedtuple": lambda: Pair(1, [Dog("rex")]),
    "a counter": lambda: collections.Counter("aab"),
    "an ordered dict": lambda: collections.OrderedDict([("b", 1), ("a", 2)]),
    "a default dict": lambda: with_defaults(int),
    "a default dict of lists": lambda: with_defaults(list),
    "a deque": lambda: collections.deque([1, Dog("d")], maxlen=4),
    "bytes": lambda: b"\x00\xff",
    "a bytearray": lambda: bytearray(b"ab"),
    "nested": lambda: {"a": [Dog("x"), (Colour.RED, {Level.HIGH})], 4: collections.Counter("b")},
    "keys": lambda: {Colour.RED: 1, Pair(1, 2): 2, Point(1.0): 3},
    "a set of enums": lambda: frozenset({Word.YES}),
    "an exception": lambda: Odd(4),
    "exceptions, as gather returns them": lambda: [1, ValueError("x"), OSError(2, "no", "file")],
    "a dict that looks like a class": lambda: {"$class": ["os:system", "ls"]},
    "a time in a zone": lambda: dt.datetime(
        2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Oslo")
    ),
    "half a surrogate pair": lambda: "\ud83d",
    "a model in a union": lambda: [Click(posX=1), Event()],
    "a generic class": lambda: Generic[int](4),
    "a process that is over": lambda: subprocess.CompletedProcess(["ls"], 0, b"out"),
    "a namespace": lambda: types.SimpleNamespace(a=[Dog("x")]),
    "not a number": lambda: [float("nan"), Point(float("inf"))],
}


def socket_family():
    import socket

    return socket.AF_INET


@pytest.mark.parametrize("name", VALUES)
def test_what_was_returned_is_returned_again(name):
    def agent(run):
        return run.call("make", VALUES[name])

    with tracefork.record() as run:
        live = agent(run)
    ran.clear()
    with tracefork.replay(tracefork.loads(tracefork.dumps(run.tape))) as again:
        back = agent(again)

    assert are_same(live, back)
    assert ran == []


def test_what_holds_the_same_is_the_same_and_no_more():
    assert (
        are_same(Dog("a"), Dog("a"))
        and not are_same(Dog("a"), Dog("b"))
        and not are_same(Dog("a"), Puppy("a"))
    )
    assert not are_same([1], [True]) and not are_same({"a": 1}, {"a": 1.0}) and not are_same(1, Level(3))
    assert are_same(float("nan"), float("nan")) and not are_same(0.0, -0.0)


@tracefork.tool
def pet(kind: str) -> Dog | Cat:
    return {"dog": Dog, "cat": Cat, "puppy": Puppy}[kind]("tom")


@tracefork.tool
def plain() -> Dog:
    return {"name": "not a dog"}


@pytest.mark.parametrize("kind", ["dog", "cat", "puppy"])
def test_an_arm_of_a_union_is_not_guessed(kind):
    with tracefork.record() as run:
        live = pet(kind)
    with tracefork.replay(run.tape):
        assert are_same(pet(kind), live)


def test_an_annotation_makes_no_instance_of_what_was_none():
    with tracefork.record() as run:
        assert plain() == {"name": "not a dog"}
    with tracefork.replay(run.tape):
        assert plain() == {"name": "not a dog"}


def test_a_class_of_a_function_comes_back_as_annotated_or_is_refused():
    @dataclasses.dataclass
    class Local:
        n: int

    def annotated() -> list[Local]:
        return [Local(1)]

    annotated.__annotations__["return"] = list[Local]

    with tracefork.record() as run:
        live = run.call("annotated", annotated)
        with pytest.raises(Unrecordable, match="no name leads"):
            run.call("bare", lambda: Local(1))
    with tracefork.replay(run.tape) as again:
        assert are_same(again.call("annotated", annotated), live)
        with pytest.raises(Unrecordable):
            again.call("bare", lambda: Local(1))


class Sub(str):
    __slots__ = ()


class Box(dict):
    pass


REFUSED = {
    "an object": Nothing,
    "a subclass of str": lambda: Sub("x"),
    "a subclass of dict": lambda: [Box()],
    "a function": lambda: len,
    "a generator": lambda: (n for n in ()),
    "a class": lambda: Dog,
    "a lock in a dataclass": lambda: Seat(1, secret=open),
    "a default dict with a function": lambda: collections.defaultdict(lambda: 0),
    "one that does something when it goes": lambda: Dropping("/x"),
    "a module": lambda: types,
    "a range": lambda: range(3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_come_back_whole_is_refused_when_it_is_recorded(name):
    with (
        pytest.raises(Unrecordable, match=r"result of make .*unrecordable=\"warn\""),
        tracefork.record() as run,
    ):
        run.call("make", REFUSED[name])
    assert [effect.reply.kind for effect in run.tape.effects] == ["opaque"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_such_a_result_is_refused_of_a_coroutine_too(asynchronous):
    async def make():
        return Nothing()

    async def agent(run):
        await run.acall("make", make)

    with pytest.raises(Unrecordable), tracefork.record() as run:
        asyncio.run(agent(run)) if asynchronous else run.call("make", Nothing)
    assert len(run.tape.effects) == 1 and not run.tape.pending


def test_unrecordable_is_raise_or_warn():
    with pytest.raises(ValueError, match="raise"):
        tracefork.record(unrecordable="ignore")


# -- generators --------------------------------------------------------------------------


@tracefork.tool
def litter():
    yield Puppy("a")
    yield Colour.RED
    raise Odd(9)


def test_what_a_generator_gives_and_raises_is_of_its_class():
    def agent():
        made, items = litter(), []
        try:
            for item in made:
                items.append(item)  # noqa: PERF402  those before an exception are wanted too
        except Odd as exc:
            return items, (type(exc), exc.code)

    with tracefork.record() as run:
        live = agent()
    with tracefork.replay(run.tape):
        back = agent()
    assert are_same(live[0], back[0]) and live[1] == back[1]


def test_each_item_of_a_generator_comes_back_as_it_was_whatever_the_others_are():
    @dataclasses.dataclass
    class Local:
        n: int

    def given():
        yield Local(1)
        yield Dog("x")
        yield {"n": 2}
        raise Odd(3)

    given.__annotations__["return"] = Iterator[Local]
    tool = tracefork.tool(given)

    def agent():
        items = []
        with pytest.raises(Odd):
            for item in tool():
                items.append(item)  # noqa: PERF402  those before an exception are wanted too
        return items

    with tracefork.record() as run:
        live = agent()
    with tracefork.replay(run.tape):
        assert are_same(agent(), live)
