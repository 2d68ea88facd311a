"""An argument that a tool changed in place is changed likewise in a replay, or the call is refused."""

from __future__ import annotations

import asyncio
import collections
import copy
import dataclasses

import attrs
import httpx
import pydantic
import pytest

import tracefork
from tracefork.core.values import Response
from tracefork.errors import Unrecordable
from tracefork.testing.scripted import by_rule, transport

ECHO = by_rule(lambda request: Response(200, (), (request.body,)))
ran = []


@dataclasses.dataclass
class Cart:
    items: list = dataclasses.field(default_factory=list)
    total: float = 0.0


@dataclasses.dataclass(frozen=True)
class Holder:
    inside: list


@attrs.define
class Trip:
    legs: dict


class Form(pydantic.BaseModel):
    fields: dict = {}
    done: bool = False


@pytest.fixture(autouse=True)
def _anew():
    ran.clear()


def counted(change):
    """`change` as a tool that says when it runs."""

    def tool(value, *more):
        ran.append(1)
        return change(value, *more)

    return tool


def set_total(cart):
    cart.items.append("x")
    cart.total = 4.5


def set_fields(form):
    form.fields["a"] = [1]
    form.done = True


def add_attribute(cart):
    cart.note = "new"


def drop_attribute(cart):
    del cart.total


CHANGES = {
    "a list": (lambda: [1], lambda v: v.append("x")),
    "a list, emptied": (lambda: [1, 2], lambda v: v.clear()),
    "a list, sorted": (lambda: [3, 1], lambda v: v.sort()),
    "a dict": (lambda: {"a": 1}, lambda v: v.update(b=2, a=3)),
    "a dict, of which one goes": (lambda: {"a": 1, "b": 2}, lambda v: v.pop("a")),
    "a dict, in another order": (lambda: {"a": 1, "b": 2}, lambda v: v.update(a=v.pop("a"))),
    "a set": (lambda: {1}, lambda v: v.add(2)),
    "a bytearray": (lambda: bytearray(b"ab"), lambda v: v.extend(b"c")),
    "a deque": (lambda: collections.deque([1]), lambda v: v.appendleft(0)),
    "a counter": (lambda: collections.Counter("aab"), lambda v: v.update("bb")),
    "an ordered dict": (lambda: collections.OrderedDict(a=1, b=2), lambda v: v.move_to_end("a")),
    "a default dict": (lambda: collections.defaultdict(list), lambda v: v["a"].append(1)),
    "a dataclass": (Cart, set_total),
    "a frozen one's list": (lambda: Holder([]), lambda v: v.inside.append(1)),
    "an attrs class": (lambda: Trip({}), lambda v: v.legs.update(a=1)),
    "a model": (Form, set_fields),
    "a new attribute": (Cart, add_attribute),
    "an attribute less": (Cart, drop_attribute),
    "nested": (lambda: {"a": [{"b": []}]}, lambda v: v["a"][0]["b"].append(1)),
    "in a tuple": (lambda: ([1], 2), lambda v: v[0].append(3)),
    "nothing": (lambda: {"a": [1]}, lambda v: None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_tool_changed_is_changed_in_a_replay(name):
    make, change = CHANGES[name]
    tool = counted(change)

    def agent(run):
        value = make()
        run.call("change", tool, value)
        return value

    with tracefork.record() as run:
        live = agent(run)
    with tracefork.replay(tracefork.loads(tracefork.dumps(run.tape))) as again:
        back = agent(again)

    assert repr(back) == repr(live) and type(back) is type(live) and ran == [1]
    assert vars(back) == vars(live) if hasattr(live, "__dict__") else True


def test_what_others_hold_of_it_is_changed_too():
    def agent(run):
        inner = [1]
        outer = {"inner": inner, "other": [0]}
        other = outer["other"]
        run.call("change", lambda v: (v["inner"].append(2), v["other"].clear()), outer)
        return inner, other, outer["inner"] is inner, outer["other"] is other

    with tracefork.record() as run:
        live = agent(run)
    with tracefork.replay(run.tape) as again:
        assert agent(again) == live == ([1, 2], [], True, True)


def test_arguments_by_name_and_by_more_than_one_way_are_changed():
    def change(first, *rest, last):
        first.append(1)
        rest[1].append(2)
        last.append(3)

    def agent(run):
        values = [], [], [], []
        run.call("change", change, *values[:3], last=values[3])
        return values

    with tracefork.record() as run:
        live = agent(run)
    with tracefork.replay(run.tape) as again:
        assert agent(again) == live == ([1], [], [2], [3])


def test_what_a_failing_tool_changed_is_changed_before_it_fails():
    def change(bag):
        bag.append("x")
        raise LookupError("no")

    def agent(run):
        bag = []
        with pytest.raises(LookupError, match="no"):
            run.call("change", change, bag)
        return bag

    with tracefork.record() as run:
        assert agent(run) == ["x"]
    with tracefork.replay(run.tape) as again:
        assert agent(again) == ["x"]


def test_a_coroutine_may_change_its_arguments():
    async def change(bag):
        await asyncio.sleep(0)
        bag["a"] = 1
        return "done"

    async def agent(run):
        bag = {}
        return await run.acall("change", change, bag), bag

    with tracefork.record() as run:
        assert asyncio.run(agent(run)) == ("done", {"a": 1})
    with tracefork.replay(run.tape) as again:
        assert asyncio.run(agent(again)) == ("done", {"a": 1})


def test_a_generator_that_changes_its_arguments_is_refused():
    def change(bag):
        bag.append(1)
        yield 1

    with pytest.raises(Unrecordable, match="argument that change changed"), tracefork.record() as run:
        list(run.call("change", change, []))


def test_a_change_that_cannot_be_kept_is_refused():
    with pytest.raises(Unrecordable, match="argument that change changed"), tracefork.record() as run:
        run.call("change", lambda bag: bag.append(object()), [])
    assert len(run.tape.effects) == 1


def test_a_change_of_a_class_that_no_name_leads_to_is_refused():
    @dataclasses.dataclass
    class Local:
        n: int

    def change(local):
        local.n = 2

    with pytest.raises(Unrecordable, match="argument that change changed"), tracefork.record() as run:
        run.call("change", change, Local(1))
    with tracefork.record() as run:
        assert run.call("look", lambda local: local.n, Local(1)) == 1


def test_an_equal_call_that_is_served_in_a_fork_changes_its_arguments_too():
    def agent(run):
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            client.post("http://model/", content=b"plan")
        bag = []
        run.call("change", lambda v: v.append("x"), bag)
        return bag

    with tracefork.record() as run:
        agent(run)
    with tracefork.fork(run.tape, 0, tools="recorded") as branch:
        assert agent(branch) == ["x"]


def test_a_live_tail_changes_the_agents_own_object():
    def agent(run):
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            client.post("http://model/", content=b"plan")
        bag = {"deep": [[]]}
        run.call("change", lambda v: v["deep"][0].append("x"), bag)
        return bag

    with tracefork.record() as run:
        agent(run)
    with tracefork.fork(run.tape, 0) as branch:
        assert agent(branch) == {"deep": [["x"]]}
    assert tracefork.verify(branch.tape, agent).ok


def grow(items, more=None):
    items.append(1)
    return items if more is None else more


@pytest.mark.parametrize(
    ("args", "kwargs", "which"),
    [(([0],), {}, lambda a, k: a[0]), (([0],), {"more": {"a": []}}, lambda a, k: k["more"])],
    ids=["by position", "by name"],
)
def test_an_argument_that_the_tool_returned_is_returned_itself(args, kwargs, which):
    def agent(run):
        mine, named = copy.deepcopy((args, kwargs))
        came = run.call("grow", grow, *mine, **named)
        return came is which(mine, named), came, mine

    with tracefork.record() as run:
        live = agent(run)
    with tracefork.replay(tracefork.loads(tracefork.dumps(run.tape))) as again:
        assert agent(again) == live and live[0]


def test_a_returned_argument_of_a_coroutine_may_be_changed_further_by_either_name():
    async def same(items):
        return items

    async def agent(run):
        mine = [1]
        (await run.acall("same", same, mine)).append(2)
        return mine

    with tracefork.record() as run:
        live = asyncio.run(agent(run))
    with tracefork.replay(run.tape) as again:
        assert asyncio.run(agent(again)) == live == [1, 2]
