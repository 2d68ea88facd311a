"""What a tool returned or raised is what a replay returns or raises: of its class, and holding the same."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import datetime as dt
import enum
import functools
import json
import os
import subprocess
import sys
import types
import zoneinfo
from pathlib import Path
from typing import Generic as GenericBase
from typing import NamedTuple, TypeVar

import attrs
import pydantic
import pytest

import tracefork
from tracefork.codec.objects import are_same, decode, encode, encode_whole
from tracefork.core.values import Reply
from tracefork.errors import CorruptTape, TraceforkError, Unrecordable


class Colour(enum.Enum):
    RED = 1
    BLUE = (1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    a: object
    b: object


@dataclasses.dataclass
class Dog:
    name: str


@dataclasses.dataclass
class Puppy(Dog):
    age: int = 1
    seen: list[str] = dataclasses.field(default_factory=list, init=False)

    def __post_init__(self):
        ran.append("post_init")


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float = 0.0

    def norm(self):
        return self.x


@dataclasses.dataclass
class Cat:
    name: str

    @functools.cached_property
    def loud(self):
        return self.name.upper()


@attrs.frozen
class Seat:
    row: int
    _secret: object = None


@attrs.define
class Plane:
    seats: list[Seat] = attrs.field(factory=list)
    _cache: dict[str, int] = attrs.field(factory=dict, init=False)


T = TypeVar("T")


@dataclasses.dataclass
class Generic(GenericBase[T]):
    x: T


class Event(pydantic.BaseModel):
    kind: str = "e"

    @pydantic.model_validator(mode="after")
    def _looked(self):
        ran.append("validated")
        return self


class Click(Event):
    x: int = pydantic.Field(0, alias="posX")
    _private: int = pydantic.PrivateAttr(default=7)


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    when: dt.datetime | None = None


class Root(pydantic.RootModel[list[int]]):
    pass


class Odd(Exception):
    """One whose arguments are not those of its constructor."""

    def __init__(self, code, *, where="here"):
        super().__init__(f"odd {code}")
        self.code, self.where = code, where


class Slotted(ValueError):
    __slots__ = ("more",)


class Stop(BaseException):
    pass


class Drops:
    def __del__(self):
        ran.append("deleted")


@dataclasses.dataclass
class Dropping(Drops):
    path: str = ""


ran = []


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


class Nothing:
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


# -- exceptions --------------------------------------------------------------------------


def chained():
    try:
        {}["key"]
    except KeyError as exc:
        raise Odd(5) from exc


def noted():
    exc = ValueError("x")
    exc.add_note("and more")
    raise exc


def slotted():
    exc = Slotted("x")
    exc.more = [1]
    raise exc


def grouped():
    raise ExceptionGroup("g", [ValueError("x"), ExceptionGroup("h", [Odd(3)])])


def invalid():
    Click(posX="nope", kind=4)


def by_validator():
    Checked(n=-1)


class Checked(pydantic.BaseModel):
    n: int

    @pydantic.field_validator("n")
    @classmethod
    def _positive(cls, n):
        if n < 0:
            raise ValueError("negative {n}")
        return n


def raises(exc):
    def failing():
        raise exc

    return failing


def of_itself():
    exc = Odd(1)
    exc.__cause__ = exc
    raise exc


def chained_for_long():
    exc = Odd(0)
    for n in range(60):
        exc, exc.__cause__ = Odd(n), exc
    raise exc


@pytest.mark.parametrize("fail", [of_itself, chained_for_long])
def test_a_cause_that_cannot_be_kept_is_left_out(fail):
    with tracefork.record() as run, pytest.raises(Odd):
        run.call("fail", fail)
    with tracefork.replay(run.tape) as again, pytest.raises(Odd) as caught:
        again.call("fail", fail)
    assert caught.value.__cause__ is None


FAILURES = {
    "a process": raises(subprocess.CalledProcessError(3, ["ls"], b"out", b"err")),
    "a file": lambda: Path("/no/such/file").read_text(),
    "an error of two files": raises(OSError(18, "cross", "a", None, "b")),
    "a timeout": raises(subprocess.TimeoutExpired("ls", 3.5)),
    "bytes": lambda: b"\xff".decode(),
    "json": lambda: json.loads("{"),
    "a key": lambda: {}["x"],
    "an attribute": lambda: Nothing().x,
    "an import": lambda: __import__("no_such_module_at_all"),
    "syntax": lambda: compile("a b", "f.py", "exec"),
    "a group": grouped,
    "a cause": chained,
    "a note": noted,
    "slots": slotted,
    "other arguments": lambda: (_ for _ in ()).throw(Odd(4, where="there")),
    "pydantic": invalid,
    "pydantic, by a validator of ours": by_validator,
    "an enum within": raises(LookupError(Colour.RED, Dog("x"))),
    "a division": lambda: 1 // 0,
    "an end": raises(StopAsyncIteration("x")),
}


def told(exc):
    """Whatever of an exception an agent might look at."""
    seen = {name: getattr(exc, name, None) for name in dir(exc) if not name.startswith("_") and name != "obj"}
    values = {name: repr(value) for name, value in seen.items() if not callable(value) and name != "args"}
    cause = exc.__cause__ and told(exc.__cause__)
    details = exc.errors() if isinstance(exc, pydantic.ValidationError) else None
    args = "" if details else repr(exc.args)  # those of pydantic's are objects of its own
    return type(exc), str(exc), args, values, exc.__suppress_context__, cause, repr(details)


@pytest.mark.parametrize("name", FAILURES)
def test_what_was_raised_is_raised_again(name):
    def agent(run):
        with pytest.raises(Exception) as caught:
            run.call("fail", FAILURES[name])
        return told(caught.value)

    with tracefork.record() as run:
        live = agent(run)
    with tracefork.replay(tracefork.loads(tracefork.dumps(run.tape))) as again:
        assert agent(again) == live


def test_an_exception_that_holds_what_cannot_be_kept_is_refused_and_says_what_raised_it():
    def failing():
        exc = Odd(1)
        exc.where = Nothing()
        raise exc

    with pytest.raises(Unrecordable, match=r"Odd.*Nothing") as caught, tracefork.record() as run:
        run.call("fail", failing)
    assert isinstance(caught.value.__cause__, Odd)
    with tracefork.record(unrecordable="warn") as run, pytest.raises(Odd, match="odd 1"):
        run.call("fail", failing)
    with tracefork.replay(run.tape) as again, pytest.raises(Odd, match="odd 1"):
        again.call("fail", failing)


def test_an_exception_of_a_class_that_no_name_leads_to_is_refused():
    class Local(Exception):
        pass

    with pytest.raises(Unrecordable, match="no name leads"), tracefork.record() as run:
        run.call("fail", raises(Local("x")))


@pytest.mark.parametrize(
    "exc", [SystemExit(2), KeyboardInterrupt("x"), GeneratorExit(), Stop(1, 2)], ids=repr
)
def test_an_interrupt_that_left_a_tool_is_raised_again(exc):
    seen = []

    def agent(run):
        try:
            run.call("stop", raises(exc))
        except BaseException as caught:
            seen.append((type(caught), caught.args, getattr(caught, "code", None)))

    with tracefork.record() as run:
        agent(run)
    verdict = tracefork.verify(run.tape, agent)

    assert verdict.ok and seen[0] == seen[1] == (type(exc), exc.args, getattr(exc, "code", None))


@pytest.mark.parametrize("exc", [SystemExit(2), KeyboardInterrupt("x"), GeneratorExit(), Stop(1)], ids=repr)
def test_a_run_that_an_interrupt_ended_in_a_tool_verifies(exc):
    def agent(run):
        run.call("stop", raises(exc))

    async def main(run):
        agent(run)

    for one in (agent, lambda run: asyncio.run(main(run))):
        with pytest.raises(type(exc)), tracefork.record() as run:
            one(run)
        verdict = tracefork.verify(run.tape, one)
        assert verdict.ok and type(verdict.error) is type(exc)


def test_somebody_who_interrupts_a_verification_is_heard():
    with tracefork.record() as run:
        run.call("look", int)

    def agent(run):
        run.call("look", int)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tracefork.verify(run.tape, agent)


def test_a_tool_that_is_cancelled_by_a_timeout_is_cancelled_again():
    async def slow():
        await asyncio.sleep(30)

    async def agent(run):
        try:
            async with asyncio.timeout(0.05):
                await run.acall("slow", slow)
        except TimeoutError:
            return "late"

    with tracefork.record() as run:
        assert asyncio.run(agent(run)) == "late"
    assert run.tape.effects[0].answer == tracefork.core.values.CANCELLED
    assert tracefork.verify(run.tape, lambda run: asyncio.run(agent(run))).ok


def test_a_tool_that_raises_a_cancellation_of_its_own_raises_it_again():
    async def stops():
        raise asyncio.CancelledError("mine")

    async def agent(run):
        try:
            await run.acall("stops", stops)
        except asyncio.CancelledError as exc:
            return exc.args

    with tracefork.record() as run:
        assert asyncio.run(agent(run)) == ("mine",)
    with tracefork.replay(run.tape, patience=3.0) as again:
        assert asyncio.run(agent(again)) == ("mine",)


# -- tapes from elsewhere ------------------------------------------------------------------

HOSTILE = [
    {"$class": ["subprocess:Popen", {"args": ["ls"]}]},
    {"$class": ["os:system", ["ls"]]},
    {"$class": ["builtins:eval", "1"]},
    {"$class": ["builtins:object", {}]},
    {"$class": ["builtins:dict", {}]},
    {"$class": ["builtins:type", ["X", [], {}]]},
    {"$class": ["collections:UserDict", {}]},
    {"$class": ["pathlib:Path", "x"]},
    {"$class": ["threading:Thread", {}]},
    {"$class": ["tempfile:TemporaryDirectory", {"name": "/x"}]},
    {"$class": ["test_tool_values:Dropping", {"path": "/x"}]},
    {"$class": ["no.such.module:Thing", {}]},
    {"$class": ["antigravity:x", {}]},
    {"$class": [":", {}]},
    {"$class": ["os", {}]},
    {"$class": 5},
    {"$class": [5, 5]},
    {"$class": ["collections:defaultdict", ["system", {}]]},
    {"$class": ["collections:defaultdict", ["os:system", {}]]},
    {"$class": ["builtins:UnicodeDecodeError", {"args": ["u", {"$bytes": "AA=="}, -5, -4, "x"]}]},
    {"$class": ["builtins:UnicodeDecodeError", {"args": ["u", "text", 0, 1, "x"]}]},
    {"$class": ["builtins:ValueError", {"args": [], "holds": {"__class__": 1}}]},
    {"$class": ["builtins:ValueError", {"args": [], "cause": "text"}]},
    {"$class": ["builtins:ValueError", {"args": [], "holds": {"with_traceback": 1}, "more": 1}]},
    {"$class": ["builtins:ExceptionGroup", {"args": ["g", ["no exception"]]}]},
    {"$zoned": ["2024-01-01T00:00:00", 0, "../../etc/passwd"]},
    {"$as_is": {"$class": ["os:system", 1]}},
]


@pytest.mark.parametrize("said", HOSTILE, ids=lambda said: json.dumps(said)[:60])
def test_a_tape_from_elsewhere_runs_and_imports_nothing(said, monkeypatch):
    modules = set(sys.modules)
    for name in ("system", "popen", "remove"):
        monkeypatch.setattr(os, name, lambda *args: ran.append(args))

    with pytest.raises(TraceforkError):
        decode(json.dumps(said))

    assert ran == [] and set(sys.modules) <= modules


MODULE = __name__


@pytest.mark.parametrize(
    "said",
    [
        {"name": {"evil": 1}, "__post_init__": 1},
        {"__init__": 1},
        {"__dict__": {}},
        {"__class__": 1},
        {"name": "x", "__setattr__": 2},
    ],
)
def test_a_tape_puts_nothing_in_the_place_of_a_method(said):
    with pytest.raises(CorruptTape):
        decode(json.dumps({"$class": [f"{MODULE}:Puppy", said]}))
    with pytest.raises(CorruptTape):
        decode(json.dumps({"$class": [f"{MODULE}:Point", {"norm": 1}]}))


def test_validators_constructors_and_setters_are_not_run():
    made = decode(json.dumps({"$class": [f"{MODULE}:Click", {"x": "no number"}]}))
    puppy = decode(json.dumps({"$class": [f"{MODULE}:Puppy", {"name": 5}]}))

    assert type(made) is Click and type(puppy) is Puppy and ran == []


class Loud(Exception):
    def __init__(self, *args):
        ran.append("init")

    def __new__(cls, *args):
        ran.append("new")
        return super().__new__(cls, *args)

    def __setstate__(self, state):
        ran.append("state")

    def __reduce__(self):
        ran.append("reduce")
        return os.system, ("ls",)


def test_exceptions_are_made_without_being_asked():
    text = encode_whole(Loud("x"), "it")
    ran.clear()

    back = decode(text)

    assert type(back) is Loud and back.args == ("x",) and ran == []


def test_older_tapes_come_back_as_annotated():
    def dog() -> Dog:
        raise AssertionError

    def failing():
        raise AssertionError

    with tracefork.record() as run:
        run.call("dog", lambda: 1)
        with pytest.raises(KeyError):
            run.call("fail", lambda: {}[1])
    first, second = run.tape.effects
    old = attrs.evolve(
        run.tape,
        steps=(
            attrs.evolve(first, reply=Reply("returned", '{"name":"rex"}')),
            attrs.evolve(second, reply=Reply("raised", '["no",3]', f"{MODULE}.Odd")),
        ),
    )
    with tracefork.replay(old) as again:
        assert are_same(again.call("dog", dog), Dog("rex"))
        with pytest.raises(Odd) as caught:
            again.call("fail", failing)
    assert caught.value.args == ("no", 3)


def test_a_class_that_is_not_imported_is_named_and_not_imported(tmp_path, monkeypatch):
    (tmp_path / "lent.py").write_text("class Lent(Exception): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import lent

    with tracefork.record() as run, pytest.raises(lent.Lent):
        run.call("fail", raises(lent.Lent("x")))
    monkeypatch.delitem(sys.modules, "lent")

    with pytest.raises(Unrecordable, match=r"lent\.Lent.*not imported"), tracefork.replay(run.tape) as again:
        again.call("fail", raises(ValueError()))
    assert "lent" not in sys.modules


def test_what_a_script_defined_is_found_where_its_tool_is_from(monkeypatch):
    text = encode(Dog("rex"), named=True).replace(f"{MODULE}:Dog", "__main__:Dog")

    assert are_same(decode(text, near=MODULE), Dog("rex"))
    with pytest.raises(Unrecordable):
        decode(text)


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
            return items, told(exc)

    with tracefork.record() as run:
        live = agent()
    with tracefork.replay(run.tape):
        back = agent()
    assert are_same(live[0], back[0]) and live[1] == back[1]
