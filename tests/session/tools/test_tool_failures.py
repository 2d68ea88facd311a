"""What a tool raised, an interrupt too, is what a replay raises: of its class, and holding the same."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pydantic
import pytest
from kinds import (
    Click,
    Colour,
    Dog,
    Nothing,
    Odd,
    Slotted,
    Stop,
    raises,
    ran,
)

import tracefork
from tracefork.errors import Unrecordable


@pytest.fixture(autouse=True)
def _anew():
    ran.clear()


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
