"""`wrap=` makes functions tools as they stand: wherever they are bound, and within the run alone."""

from __future__ import annotations

import asyncio
import functools
import inspect
import queue
import sys
import textwrap
import threading

import pytest

import tracefork
from tracefork.attribution.forks.budget import Budget
from tracefork.errors import Divergence
from tracefork.runs.api import cut
from tracefork.runs.calibration import calibrate

ran = []


def book(city, *, seats=1):
    """Book a seat."""
    ran.append(city)
    return f"{city}: {seats}"


async def abook(city):
    ran.append(city)
    await asyncio.sleep(0)
    return city.upper()


def rows(n):
    for i in range(n):
        ran.append(i)
        got = yield i
        ran.extend([got] if got else [])
    return "end"


async def arows(n):
    for i in range(n):
        ran.append(i)
        yield i


def made(prefix):
    def inner(city="Oslo", *more, **named):
        ran.append(city)
        return prefix, city, more, named

    return inner


closed = made("closed over")


def logged(fn):
    @functools.wraps(fn)
    def around(*args, **kwargs):
        return fn(*args, **kwargs)

    return around


@logged
def decorated(city):
    ran.append(city)
    return city


@logged
async def adecorated(city):
    ran.append(city)
    return city


anonymous = lambda n: ran.append(n) or n


@functools.wraps(print)
def misnamed(city):
    ran.append(city)
    return city


class Desk:
    def __init__(self):
        self.handle = object()

    def reserve(self, city):
        ran.append(city)
        return city * 2

    @classmethod
    def opened(cls, city):
        ran.append(city)
        return cls.__name__, city

    @staticmethod
    def closed(city):
        ran.append(city)
        return city

    @property
    def price(self):
        ran.append("price")
        return 5

    tools = (book,)


early = book
TOOLS = {"book": book, "list": [book, (book,)]}


def defaulted(city, tool=book):
    return tool(city)


async def gathered():
    return await asyncio.gather(*(abook(c) for c in ("a", "b", "c")))


async def collected():
    return [i async for i in arows(3)]


def sent():
    gen = rows(3)
    return [next(gen), gen.send("x"), list(gen)]


CASES = {
    "a function": (book, lambda: book("Oslo", seats=2)),
    "a name bound early": (book, lambda: early("Oslo")),
    "in a dict and lists": (
        book,
        lambda: [TOOLS["book"]("a"), TOOLS["list"][0]("b"), TOOLS["list"][1][0]("c")],
    ),
    "in a class": (book, lambda: Desk.tools[0]("Oslo")),
    "a default argument": (book, lambda: defaulted("Oslo")),
    "a partial of it": (book, lambda: functools.partial(book, "Oslo")(seats=3)),
    "mapped": (book, lambda: list(map(book, ["a", "b"]))),
    "a coroutine function": (abook, lambda: asyncio.run(abook("Oslo"))),
    "gathered": (abook, lambda: asyncio.run(gathered())),
    "a generator": (rows, lambda: list(rows(3))),
    "a generator that is sent to": (rows, sent),
    "an asynchronous generator": (arows, lambda: asyncio.run(collected())),
    "a closure": (closed, lambda: (closed(), closed("Rome", 1, x=2))),
    "under a decorator": (decorated, lambda: decorated("Oslo")),
    "a coroutine under a decorator": (adecorated, lambda: asyncio.run(adecorated("Oslo"))),
    "a method": (Desk.reserve, lambda: Desk().reserve("Oslo")),
    "a bound method": (Desk().reserve, lambda: Desk().reserve("Oslo")),
    "a class method": (Desk.opened, lambda: (Desk.opened("a"), Desk().opened("b"))),
    "a property": (Desk.price, lambda: Desk().price),
    "a lambda": (anonymous, lambda: anonymous(3)),
    "one that bears another's name": (misnamed, lambda: misnamed("Oslo")),
    "a static method": (Desk.closed, lambda: (Desk.closed("a"), Desk().closed("b"))),
}


@pytest.fixture(autouse=True)
def _anew():
    ran.clear()


@pytest.mark.parametrize("name", CASES)
def test_a_function_that_is_wrapped_runs_once_however_it_is_reached(name):
    function, agent = CASES[name]
    bare = agent()
    times = len(ran)
    with tracefork.record(wrap=[function]) as run:
        assert agent() == bare
    assert len(ran) == 2 * times and run.tape.effects
    tape = tracefork.loads(tracefork.dumps(run.tape))
    assert tracefork.verify(tape, agent).ok
    with tracefork.replay(tape):
        agent()
    assert len(ran) == 2 * times
    assert agent() == bare and len(ran) == 3 * times


def test_it_is_what_it_was_afterwards_and_looks_the_same_meanwhile():
    before = book.__code__, book.__kwdefaults__, inspect.signature(book), dict(vars(book))
    with tracefork.record(wrap=[book, abook, rows, arows]):
        assert inspect.signature(book) == before[2] and book.__doc__ == "Book a seat."
        assert inspect.iscoroutinefunction(abook) and inspect.isgeneratorfunction(rows)
        assert inspect.isasyncgenfunction(arows) and book.__name__ == "book"
    assert (book.__code__, book.__kwdefaults__, inspect.signature(book), dict(vars(book))) == before


def test_it_is_put_back_when_the_block_raises():
    before = book.__code__
    with pytest.raises(LookupError), tracefork.record(wrap=[book]):
        raise LookupError
    assert book.__code__ is before


def test_others_call_straight_through():
    seen, jobs = [], queue.SimpleQueue()
    older = threading.Thread(target=lambda: book(jobs.get()))
    older.start()

    with tracefork.record(wrap=[book]) as run:
        thread = threading.Thread(target=lambda: seen.append(book("in the run")))
        thread.start()
        thread.join()
        jobs.put("elsewhere")
        older.join()
        with tracefork.record() as inner:
            book("of another run")
    assert ran == ["in the run", "elsewhere", "of another run"]
    assert [e.call.arguments for e in run.tape.effects] == ['{"args":["in the run"],"kwargs":{}}']
    assert not inner.tape.effects


def test_two_runs_may_wrap_it_at_once_and_end_in_any_order():
    before = book.__code__
    one, two = tracefork.record(wrap=[book]), tracefork.record(wrap=[book])
    with one:
        with two:
            book("a")
        book("b")
    assert book.__code__ is before
    assert len(one.tape.effects) == len(two.tape.effects) == 1


def test_every_verb_applies_it_again_without_being_told():
    def agent(run):
        run.now()
        return book("Oslo")

    with tracefork.record(wrap=[book]) as run:
        agent(run)
    assert run.tape.wrapped == (f"{__name__}:book",)
    assert tracefork.verify(run.tape, agent).ok
    assert asyncio.run(tracefork.averify(run.tape, agent)).ok
    for begin in (
        lambda: tracefork.replay(run.tape),
        lambda: tracefork.resume(run.tape),
        lambda: tracefork.fork(run.tape, run.tape.draws[0], tools="recorded"),
        lambda: cut(run.tape, 0, tools="recorded"),
    ):
        with begin() as again:
            agent(again)
        assert len(again.tape.effects) == 1
        assert again.tape.wrapped == run.tape.wrapped
    assert ran == ["Oslo"]


def test_it_may_be_told_otherwise():
    with tracefork.record(wrap=[book]) as run:
        book("a")
    with pytest.raises(Divergence), tracefork.replay(run.tape, wrap=[abook]):
        asyncio.run(abook("a"))


def test_blame_and_calibrate_take_it(tmp_path):
    import httpx

    from tracefork.testing.scripted import by_rule, transport

    model = by_rule(lambda request: tracefork.Response(200, (), (b"yes",)))

    def agent():
        with httpx.Client(transport=transport(model, httpx)) as client:
            return client.post("https://api.openai.com/v1/chat/completions", json={"q": book("Oslo")}).text

    assert calibrate(agent, wrap=[book]).ok and ran == ["Oslo"]
    with tracefork.record(wrap=book) as run:
        agent()
    report = tracefork.blame(run.tape, agent, lambda said: False, budget=Budget(forks=3), delta=0.5)
    assert report.forks > 0 and ran == ["Oslo"] * 2


def test_a_function_that_was_made_in_another_is_found_again():
    def local(city):
        ran.append(city)
        return city

    with tracefork.record(wrap=[local]) as run:
        local("a")
    assert tracefork.verify(run.tape, lambda: local("a")).ok and ran == ["a"]


def test_a_tool_that_is_one_already_stays_what_it_is():
    with tracefork.record(wrap=[Tooled.pay]) as run:
        Tooled().pay(1)
    assert [e.call.name for e in run.tape.effects] == ["pay it"]


class Tooled:
    @tracefork.tool(name="pay it")
    def pay(self, n):
        return n


def test_it_calls_itself_straight():
    def fact(n):
        ran.append(n)
        return 1 if n < 2 else n * fact(n - 1)

    with tracefork.record(wrap=[fact]) as run:
        assert fact(3) == 6
    assert len(run.tape.effects) == 1 and ran == [3, 2, 1]


@pytest.mark.parametrize(
    "what", [len, functools.partial(book, "x"), Desk, object(), functools.lru_cache(book), 5], ids="abcdef"
)
def test_what_has_no_code_to_exchange_is_refused_with_a_cure(what):
    with pytest.raises(TypeError, match=r"wrap=.*tracefork\.tool"):
        tracefork.record(wrap=[what])


@pytest.mark.parametrize("path", ["book", "a.b", ":f", "m:", "a b:c"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ValueError, match=r"package\.module:function"):
        tracefork.record(wrap=[path])


# -- by path ----------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A module of tools that is not imported yet, and one that binds its function early."""
    (tmp_path / "shop_of_tools.py").write_text(
        textwrap.dedent("""
        sold = []
        def sell(what):
            sold.append(what)
            return what.upper()
        class Till:
            def close(self, n):
                sold.append(n)
                return n
        """)
    )
    (tmp_path / "agent_of_shop.py").write_text(
        "from shop_of_tools import sell, Till, sold\nTOOLS = [sell]\ndef main():\n"
        "    return sell('a'), TOOLS[0]('b'), Till().close(3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("shop_of_tools", "agent_of_shop"):
        sys.modules.pop(name, None)


def test_a_module_that_is_not_imported_yet_is_reached_as_it_is(shop):
    finders = list(sys.meta_path)

    def agent():
        import agent_of_shop

        return agent_of_shop.main()

    with tracefork.record(wrap=["shop_of_tools:sell", "shop_of_tools:Till.close"]) as run:
        live = agent()
    assert len(run.tape.effects) == 3 and sys.meta_path == finders
    sold = sys.modules["shop_of_tools"].sold
    assert len(sold) == 3
    for again in range(2):
        with tracefork.replay(tracefork.loads(tracefork.dumps(run.tape))):
            assert agent() == live
        assert len(sold) == 3
        if not again:  # and in a process in which it is not imported yet
            sys.modules.pop("shop_of_tools")
            sys.modules.pop("agent_of_shop")
            import shop_of_tools

            assert shop_of_tools.sold is not sold
            sys.modules.pop("shop_of_tools")
    assert sys.modules["shop_of_tools"].sold == []


def test_a_name_that_leads_to_nothing_is_said(shop):
    import shop_of_tools

    with (
        pytest.warns(RuntimeWarning, match=r"shop_of_tools has no function give.*runs for real"),
        tracefork.record(wrap=["shop_of_tools:give"]),
    ):
        shop_of_tools.sell("x")


def test_nothing_of_a_tape_is_imported_for_it(shop):
    with tracefork.record(wrap=["shop_of_tools:sell"]) as run:
        pass
    with tracefork.replay(run.tape):
        pass
    assert "shop_of_tools" not in sys.modules and run.tape.wrapped == ("shop_of_tools:sell",)
