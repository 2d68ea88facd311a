"""How users call tracefork, for type checkers: run by nobody, read by mypy and pyright.

A line that is to be refused says so, with the error that it must get: a checker that accepts it fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

import tracefork
from tracefork import Exchange, Fault, Request, Response, Session, Tape, TapeStore
from tracefork.core.matching import canonical
from tracefork.core.values import Answer, Departure
from tracefork.edits import Edit, Model, Set, Tools, describe
from tracefork.providers import anthropic
from tracefork.report.savings import Savings
from tracefork.session.asking import Call
from tracefork.testing import Breach, Pin, Policy, hold, pin, policy, script


def agent(run: Session) -> str:
    return run.env("HOME", "") or ""


async def aagent(run: Session) -> int:
    return int(await run.acall("pay", pay, 3))


async def pay(amount: int) -> int:
    return amount


def record() -> Tape:
    with tracefork.record("runs.db", agent_name="a", strict=True, passthrough=("host/*",)) as run:
        assert_type(run, Session)
        assert_type(run.run_id, str)
        assert_type(run.now(), float)
        assert_type(run.call("len", len, "abc"), int)
    with tracefork.record(durability="powr"):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        pass
    with tracefork.record(patience=1):  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        pass
    return run.tape


def follow(tape: Tape, store: TapeStore) -> None:
    with tracefork.replay(tape, patience=2.5, instant_retries=True, matcher=canonical(ignoring=["metadata"])):
        pass
    with tracefork.resume(tape, store, tools="recorded", on_doubt="rerun") as run:
        assert_type(run, Session)
    with tracefork.fork(tape, at=1, answer=anthropic.text("No."), store=store) as branch:
        assert_type(branch.tape, Tape)
    with tracefork.fork(tape, 0, change):
        pass
    with tracefork.fork(tape, "1"):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        pass


def hold_to_rules(tape: Tape, run: Session) -> None:
    rules = policy(tools=["book"], max_usd=0.05, arguments={"book": {"city": "Rome"}, "pay": len})
    assert_type(rules, Policy)
    assert_type(rules.check(run), tuple[Breach, ...])
    rules.hold(tape)
    hold("booking.tape", script("agent.py", "Rome"), policy=rules)
    assert_type(pin(tape, "booking.tape", agent="agents:book", check="lambda r: r"), Pin)
    policy(max_call=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def change(step: Exchange) -> Answer:
    return step.response.with_body(b"{}")


def check(tape: Tape) -> None:
    verdict = tracefork.verify(tape, agent, ignore=["$.metadata"])
    assert_type(verdict.ok, bool)
    assert_type(tape[0], Exchange)
    assert_type(tape.digest(), str)
    assert_type(tracefork.loads(tracefork.dumps(tape)), Tape)
    tracefork.verify(tape, agent, colour=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    tracefork.verify(tape)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def judge(result: object) -> bool | None:
    return result == "paid"


def ask_why(tape: Tape) -> None:
    report = tracefork.blame(tape, agent, oracle=judge, budget=tracefork.Budget(forks=20))
    assert_type(report, tracefork.BlameReport)
    page = tracefork.report.html(tape, blame=report, branches=[tape])
    assert_type(page, str)


@tracefork.tool
def search(words: str, limit: int = 5) -> list[str]:
    return [words] * limit


@tracefork.tool(agent=True)
async def research(topic: str) -> int:
    return len(topic)


def use() -> None:
    assert_type(search("a", limit=3), list[str])
    search(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def ause() -> None:
    assert_type(await research("a"), int)


def adapt(run: Session) -> Iterator[bytes]:
    with run.asking(Request("POST", "https://a.example/", (), b"{}")) as call:
        assert_type(call, Call)
        live = None
        if call.served is None:
            with call.aside():
                live = Response(200, (("a", "b"),))
        assert_type(call.head(live), Response)
        yield from call.through([b"a"] if live else None)


async def adapt_in_a_loop(run: Session) -> None:
    async with run.asking(Request("POST", "https://a.example/", (), b"{}")) as call:
        await call.ahead()
        async for chunk in call.athrough():
            assert_type(chunk, bytes)
    run.asking("https://a.example/")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Faults:
    def of(self, exc: Exception) -> Fault:
        return Fault("mine.Error", str(exc))

    def make(self, fault: Fault) -> Exception:
        return RuntimeError(fault.message)


def adapt_faults(run: Session) -> None:
    run.asking(Request("GET", "https://a.example/"), Faults())
    run.asking(Request("GET", "https://a.example/"), 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def shout(request: Request) -> Request:
    return request


def edit(tape: Tape) -> None:
    lower = Set("$.temperature", 0, where={"model": "large*"})
    with tracefork.fork(tape, 1, edits=[lower, Tools({"book": "Books.", "pay": None})]):
        pass
    with tracefork.resume(tape, edits=[Mine(), shout]) as run:
        assert_type(describe(run.meta), tuple[str, ...])
    with tracefork.record(edits=Model("small", first=3)):
        assert_type(Model("small")(tape[0].request), Request)
    with tracefork.record(edits="small"):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        pass


class Mine(Edit):
    def change(self, request: Request) -> Request:
        return request


def rerun(tape: Tape) -> None:
    with tracefork.rerun(tape, "runs.db", at=1, reuse="all", faults="again", fresh=("parse",)) as run:
        assert_type(run.parted, Departure | None)
        assert_type(run.savings, Savings)
    tracefork.rerun(tape, reuse=lambda request: request.method == "POST", tools="live", edits=Model("small"))
    tracefork.rerun(tape, reuse="some")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tracefork.rerun(tape, colour=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
