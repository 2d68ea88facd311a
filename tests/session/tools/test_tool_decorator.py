"""`@tracefork.tool`, bare and with options: what is the question, and what it is called."""

from __future__ import annotations

import asyncio
import functools
import inspect
from dataclasses import dataclass

import pytest

import tracefork
from tracefork.errors import Unrecordable

ran = []


@pytest.fixture(autouse=True)
def _anew():
    ran.clear()


class Client:
    """No tape can keep one."""

    def __init__(self):
        self.loop = object()


def plainly(fn):
    """A decorator that says nothing of what it decorates."""

    def around(*args, **kwargs):
        return fn(*args, **kwargs)

    return around


class Shop(Client):
    @tracefork.tool
    def order(self, n, *, note=""):
        ran.append(n)
        return n + 1

    @tracefork.tool
    async def aorder(self, n):
        ran.append(n)
        return n + 1

    @tracefork.tool
    def rows(self, n):
        ran.append(n)
        yield from range(n)

    @classmethod
    @tracefork.tool
    def made(cls, n):
        ran.append(n)
        return n, cls.__name__

    @tracefork.tool
    @classmethod
    def outside(cls, n):
        ran.append(n)
        return n, cls.__name__

    @staticmethod
    @tracefork.tool
    def twice(n):
        ran.append(n)
        return 2 * n

    @tracefork.tool
    @staticmethod
    def thrice(n):
        ran.append(n)
        return 3 * n

    @plainly
    @tracefork.tool
    def around(this, n):  # noqa: N805  it need not be called self
        ran.append(n)
        return n

    @property
    @tracefork.tool
    def price(self):
        ran.append("price")
        return 5

    @tracefork.tool
    def __hidden(self, n):
        ran.append(n)
        return n

    def shown(self, n):
        return self.__hidden(n)

    def late(self, n):
        ran.append(n)
        return n


class Corner(Shop):
    def order(self, n, *, note=""):
        return super().order(n, note=note) * 10


@tracefork.tool
def lent(self, n):
    ran.append(n)
    return n


Shop.borrowed = lent

AGENTS = {
    "a method": lambda s: s.order(1, note="x"),
    "a coroutine": lambda s: asyncio.run(s.aorder(1)),
    "a generator": lambda s: list(s.rows(2)),
    "a class method": lambda s: (s.made(1), type(s).made(2)),
    "a class method, the other way": lambda s: (s.outside(1), type(s).outside(2)),
    "a static method": lambda s: (s.twice(1), type(s).twice(2)),
    "a static method, the other way": lambda s: (s.thrice(1), type(s).thrice(2)),
    "under another decorator": lambda s: s.around(1),
    "a property": lambda s: s.price,
    "a private one": lambda s: s.shown(1),
    "by its class": lambda s: Shop.order(s, 1),
    "put into the class later": lambda s: s.borrowed(1),
    "of an instance, later": lambda s: tracefork.tool(s.late)(1),
    "by run.call": lambda s: tracefork.current().call("late", s.late, 1),
}


@pytest.mark.parametrize("kind", [Shop, Corner])
@pytest.mark.parametrize("name", AGENTS)
def test_what_a_method_belongs_to_is_no_part_of_the_question(name, kind):
    agent = AGENTS[name]
    with tracefork.record() as run:
        live = agent(kind())
    times = len(ran)
    verdict = tracefork.verify(run.tape, lambda: agent(kind()))

    assert verdict.ok, verdict
    with tracefork.replay(run.tape):
        assert agent(kind()) == live
    assert len(ran) == times > 0
    assert "Client" not in run.tape.effects[0].call.arguments


def test_a_static_method_keeps_an_argument_of_its_own_class():
    @dataclass
    class Money:
        amount: int

        @staticmethod
        @tracefork.tool
        def added(one, other):
            return one.amount + other.amount

    with tracefork.record() as run:
        assert Money.added(Money(1), Money(2)) == 3
    assert run.tape.effects[0].call.arguments == '{"args":[{"amount":1},{"amount":2}],"kwargs":{}}'


def test_a_function_keeps_a_first_argument_that_is_called_self():
    @tracefork.tool
    def free(self):
        return self

    with tracefork.record() as run:
        assert free(3) == 3
    assert '"args":[3]' in run.tape.effects[0].call.arguments


@pytest.mark.parametrize(
    "call", [lambda f, c: f(c, 1), lambda f, c: f(ctx=c, n=1), lambda f, c: f(c, n=1)], ids=["1", "2", "3"]
)
def test_ignored_arguments_are_no_part_of_the_question(call):
    @tracefork.tool(ignore=("ctx",))
    def book(ctx, n):
        ran.append(type(ctx))
        return n

    with tracefork.record() as run:
        assert call(book, Client()) == 1
    assert tracefork.verify(run.tape, lambda: call(book, Client())).ok
    assert ran == [Client]


def test_ignored_arguments_of_methods_and_of_any_number_are_left_out():
    class Desk:
        @tracefork.tool(ignore=["args", "more", "ctx"])
        def book(self, n, *args, ctx=None, **more):
            return n

    with tracefork.record() as run:
        assert Desk().book(1, object(), ctx=object()) == 1
    assert run.tape.effects[0].call.arguments == '{"args":[1],"kwargs":{}}'


def test_a_name_to_ignore_that_is_no_argument_is_a_type_error():
    with pytest.raises(TypeError, match="book has no argument context"):

        @tracefork.tool(ignore="context")
        def book(ctx):
            pass


def test_what_is_not_ignored_is_refused():
    @tracefork.tool
    def book(ctx):
        pass

    with pytest.raises(Unrecordable, match="an argument of book"), tracefork.record():
        book(Client())


def test_a_tool_may_have_a_name_of_its_own():
    @tracefork.tool(name="book")
    def _impl(n):
        return n

    with tracefork.record() as run:
        _impl(1)
    assert run.tape.effects[0].call.name == "book"


@pytest.mark.parametrize(
    ("made", "name"),
    [(functools.partial(int, base=2), "int"), (Client().__init__, "Client.__init__"), (len, "len")],
    ids=["partial", "method", "builtin"],
)
def test_what_has_no_name_of_its_own_is_called_after_what_it_calls(made, name):
    tool = tracefork.tool(made)
    with tracefork.record() as run:
        tool(*(["11"] if name == "int" else ["abc"] if name == "len" else []))
    assert run.tape.effects[0].call.name == name


def test_a_decorated_function_is_still_of_its_kind():
    assert inspect.iscoroutinefunction(Shop.aorder) and inspect.isgeneratorfunction(Shop.rows)
    assert list(inspect.signature(Shop.order).parameters) == ["self", "n", "note"]


def test_what_cannot_be_called_is_no_tool():
    with pytest.raises(TypeError, match="function or a method"):
        tracefork.tool(property(lambda self: 1))
