"""Tools that yield: what they yielded is yielded again, and they do not run."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass

import httpx
import pytest

import tracefork
from tracefork.errors import Divergence, ToolRefused, Unrecordable
from tracefork.session.tools.policy import Ask
from tracefork.testing.scripted import by_rule, transport

ECHO = by_rule(lambda request: tracefork.Response(200, (), (request.body,)))
ran = []


@dataclass
class Row:
    number: int
    name: str


@tracefork.tool
def rows(count: int) -> Generator[Row, None, str]:
    for n in range(count):
        ran.append(n)
        yield Row(n, "r" * n)
    return "done"


@tracefork.tool
async def arows(count: int) -> AsyncIterator[Row]:
    for n in range(count):
        ran.append(n)
        await asyncio.sleep(0)
        yield Row(n, "r" * n)


@tracefork.tool
def failing(count: int) -> Iterator[int]:
    yield from range(count)
    raise LookupError("no more", count)


@tracefork.tool
def opaque() -> Iterator[object]:
    yield object()


@pytest.fixture(autouse=True)
def _anew():
    ran.clear()


def all_of(make):
    """What an iterator gives, and how it ends."""
    items = []
    try:
        for item in make():
            items.append(item)  # noqa: PERF402  those before an exception are wanted too
    except Exception as exc:
        return items, type(exc), exc.args
    return items


def taken(count, limit):
    """The first so many; then it is closed."""
    made, items = rows(count), []
    for item in made:
        items.append(item)
        if len(items) == limit:
            break
    made.close()
    return items


async def awaited(count, limit=None):
    items, made = [], arows(count)
    async for item in made:
        items.append(item)
        if len(items) == limit:
            break
    await made.aclose()
    return items


AGENTS = {
    "whole": lambda: all_of(lambda: rows(3)),
    "none": lambda: all_of(lambda: rows(0)),
    "closed": lambda: taken(5, 2),
    "closed before the first": lambda: rows(5).close(),
    "closed after the last": lambda: taken(3, 3),
    "raised": lambda: all_of(lambda: failing(2)),
    "raised at once": lambda: all_of(lambda: failing(0)),
    "async": lambda: asyncio.run(awaited(3)),
    "async, closed": lambda: asyncio.run(awaited(5, 2)),
    "two at once": lambda: [(a, b) for a, b in zip(rows(3), rows(4), strict=False)],
    "gathered": lambda: asyncio.run(gathered()),
}


async def gathered():
    return await asyncio.gather(*(awaited(n) for n in range(4)))


@pytest.mark.parametrize("name", AGENTS)
def test_what_was_yielded_is_yielded_again_and_nothing_runs(name):
    agent = AGENTS[name]
    with tracefork.record() as run:
        first = agent()
        gc.collect()
    ran.clear()
    for tape in (run.tape, tracefork.loads(tracefork.dumps(run.tape))):
        with tracefork.replay(tape) as again:
            assert agent() == first
            gc.collect()
        assert again.tape.digest() == tape.digest()
    assert ran == []


def test_what_it_returns_is_returned():
    def agent():
        said = []

        def outer():
            said.append((yield from rows(2)))

        return list(outer()), said

    with tracefork.record() as run:
        assert agent() == ([Row(0, ""), Row(1, "r")], ["done"])
    with tracefork.replay(run.tape):
        assert agent() == ([Row(0, ""), Row(1, "r")], ["done"])


def test_items_come_as_they_are_made_and_between_the_agents_other_steps():
    def agent():
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            return [client.post("http://h/", content=row.name).text for row in rows(3)]

    with tracefork.record() as run:
        first = agent()
    assert tracefork.verify(run.tape, agent).ok and first == ["", "r", "rr"]
    (effect,) = run.tape.effects
    assert effect.span.began < run.tape[0].span.began and run.tape[2].span.ended < effect.span.ended


def test_what_it_asks_inside_is_part_of_it():
    @tracefork.tool
    def asking():
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            for text in "ab":
                yield client.post("http://h/", content=text).text

    with tracefork.record() as run:
        assert list(asking()) == ["a", "b"]
    assert len(run.tape) == 0 and len(run.tape.effects) == 1


def test_reading_past_where_it_was_closed_leaves_the_tape():
    with tracefork.record() as run:
        taken(5, 2)
    with pytest.raises(Divergence), tracefork.replay(run.tape):
        taken(5, 3)


def test_stopping_earlier_than_recorded_is_another_run():
    with tracefork.record() as run:
        taken(5, 3)
    verdict = tracefork.verify(run.tape, lambda: taken(5, 2))
    assert not verdict.ok


def test_what_has_no_form_is_said_once_it_was_given_and_when_it_is_replayed():
    with pytest.raises(Unrecordable, match="opaque gave"), tracefork.record() as run:
        list(opaque())
    with pytest.raises(Unrecordable, match="opaque gave"), tracefork.replay(run.tape):
        list(opaque())
    with tracefork.record(unrecordable="warn") as run, pytest.warns(RuntimeWarning, match="opaque gave"):
        assert len(list(opaque())) == 1


def test_outside_of_a_run_it_is_what_it_was():
    assert list(rows(2)) == [Row(0, ""), Row(1, "r")] and ran == [0, 1]
    assert inspect.isgeneratorfunction(rows) and inspect.isasyncgenfunction(arows)
    assert asyncio.run(awaited(1)) == [Row(0, "")]


def test_what_is_sent_reaches_a_live_one():
    @tracefork.tool
    def adding():
        total = 0
        while total < 5:
            total += yield total

    def agent():
        made = adding()
        return [next(made), made.send(2), made.send(2)]

    with tracefork.record() as run:
        assert agent() == [0, 2, 4]
    with tracefork.replay(run.tape):
        assert agent() == [0, 2, 4]


def test_a_tool_that_is_interrupted_ends_and_cleans_up():
    cleaned = []

    @tracefork.tool
    def waiting():
        try:
            yield 1
            raise KeyboardInterrupt
        finally:
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt), tracefork.record() as run:
        list(waiting())
    assert cleaned
    cleaned.clear()
    with pytest.raises(KeyboardInterrupt), tracefork.replay(run.tape):
        list(waiting())
    assert not cleaned and '"yielded":[1]' in run.tape.effects[0].answer.value


# -- once a run is live --------------------------------------------------------------------


def ask_then(tool):
    def agent():
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            client.post("http://h/", content="?")
        return all_of(tool)

    return agent


def forked(agent, tools):
    with tracefork.record() as run:
        agent()
    ran.clear()
    with tracefork.fork(run.tape, 0, tracefork.Response(200, (), (b"!",)), tools=tools) as branch:
        said = agent()
    return said, branch.tape


def test_a_live_tail_is_served_what_an_equal_call_yielded():
    said, _ = forked(ask_then(lambda: rows(2)), "recorded")
    assert said == [Row(0, ""), Row(1, "r")] and ran == []


def test_a_function_answers_in_its_stead():
    said, _ = forked(ask_then(lambda: rows(2)), lambda call: [Row(7, "seven")])
    assert said == [Row(7, "seven")] and ran == []


@pytest.mark.parametrize("allowed", [True, False])
def test_whoever_is_asked_says_whether_a_tool_may_run(allowed):
    asked = []

    def may(call):
        asked.append(call.name)
        return allowed

    agent = ask_then(lambda: rows(2))
    if allowed:
        assert forked(agent, Ask(may))[0] == [Row(0, ""), Row(1, "r")] and ran == [0, 1]
    else:
        with pytest.raises(ToolRefused):
            forked(agent, Ask(may))
        assert ran == []
    assert asked == ["rows"]


@pytest.mark.parametrize(
    ("typed", "runs"), [("y\n", True), ("YES\n", True), ("\n", False), ("no\n", False), ("", False)]
)
def test_the_terminal_is_asked(typed, runs, monkeypatch, capsys):
    import io

    terminal = io.StringIO(typed)
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)
    agent = ask_then(lambda: rows(1))
    if runs:
        forked(agent, "ask")
        assert ran == [0]
    else:
        with pytest.raises(ToolRefused):
            forked(agent, "ask")
        assert ran == []
    assert "The agent calls rows with" in capsys.readouterr().err


def test_where_nobody_sits_nothing_runs(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ToolRefused):
        forked(ask_then(lambda: rows(1)), "ask")


def test_an_item_is_kept_as_it_was_when_it_was_given():
    @tracefork.tool
    def growing():
        grown = []
        for n in range(3):
            grown.append(n)
            yield grown

    def agent():
        return [list(items) for items in growing()]

    with tracefork.record() as run:
        first = agent()
    with tracefork.replay(run.tape):
        assert agent() == first == [[0], [0, 1], [0, 1, 2]]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_thrown_into_it_is_its_to_catch(asynchronous):
    cleaned = []

    @tracefork.tool
    def rescuing():
        try:
            yield "first"
        except LookupError:
            yield "rescued"
        finally:
            with httpx.Client(transport=transport(ECHO, httpx)) as client:
                cleaned.append(client.post("http://h/", content="c").text)

    @tracefork.tool
    async def arescuing():
        try:
            yield "first"
        except LookupError:
            yield "rescued"

    def agent():
        made = rescuing()
        return [next(made), made.throw(LookupError("x")), all_of(lambda: made)]

    async def main():
        made = arescuing()
        return [await anext(made), await made.athrow(LookupError("x")), [item async for item in made]]

    def aagent():
        return asyncio.run(main())

    wanted = aagent if asynchronous else agent
    bare = wanted()
    with tracefork.record() as run:
        assert wanted() == bare
    with tracefork.replay(run.tape) as again:
        assert wanted() == bare
    assert again.tape.digest() == run.tape.digest() and len(run.tape) == 0
