"""Ten runs that failed, recorded from agents over scripted models; and where each of them went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable

import httpx
from attrs import frozen

import tracefork
from tracefork import Fault, Tape
from tracefork.providers import anthropic
from tracefork.testing import scripted

URL = "https://api.anthropic.com/v1/messages"
TASK = "Book the last seat of the night train to Lisbon."


@frozen
class Failed:
    """A run that failed, the step that a reader looks for, and what somebody who judged it said."""

    tape: Tape
    step: int
    judged: str = ""


class Refused(Exception):
    """What the agent raises."""


def converse(client, messages, *answers):
    """Ask once more with what was said so far, and add the answer to it."""
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 99, "messages": messages}
    answer = client.post(URL, json=asked)
    if answer.status_code != httpx.codes.OK:
        raise Refused(f"the model is busy: HTTP {answer.status_code}")
    content = answer.json()["content"]
    messages += [{"role": "assistant", "content": content}, *answers]
    return content


def tell(messages, result, *, wrong=False, ident="t"):
    """The result of the last call, as the next message."""
    block = {"type": "tool_result", "tool_use_id": ident, "content": result, "is_error": wrong}
    messages.append({"role": "user", "content": [block]})


def start():
    return [{"role": "user", "content": TASK}]


def call(name="find_seat", **arguments):
    return anthropic.tool_use(name, arguments, id="t")


def record(agent: Callable[[httpx.Client], object], *items: scripted.Item) -> Tape:
    """The tape of `agent`, which asks the model that answers with `items` and raises what it likes."""
    client = httpx.Client(transport=scripted.transport(scripted.Script(*items), httpx))
    with contextlib.suppress(Exception), tracefork.record(agent_name="booking") as run:
        agent(client)
    return run.tape


# -- the ten -----------------------------------------------------------------------------


def raises() -> Failed:
    def agent(client):
        messages = start()
        for _ in range(3):
            content = converse(client, messages)
            tell(messages, "12A")
        return json.loads(content[-1]["input"]["seat"])  # a word where a number was expected

    answers = [call(seat="12"), call(seat="12"), call(seat="window")]
    return Failed(record(agent, *answers), 2)


def answers_wrongly() -> Failed:
    def agent(client):
        messages = start()
        converse(client, messages)
        tell(messages, "one seat left, 12A")
        return converse(client, messages)

    tape = record(agent, call(train="night"), anthropic.text("The train is full. I booked a flight."))
    return Failed(tape, 1, "it booked a flight, and a seat was left")


def has_a_tool_error() -> Failed:
    def agent(client):
        messages = start()
        for wrong in (False, True, False):
            converse(client, messages)
            tell(messages, "no such train: NT-7" if wrong else "NT-9", wrong=wrong)
        return converse(client, messages)

    items = [call(n=1), call(n=2), call(n=3), anthropic.text("I could not book it.")]
    return Failed(record(agent, *items), 2, "nothing was booked")


def has_a_tool_that_raises() -> Failed:
    @tracefork.tool
    def pay(amount):
        raise Refused(f"the card was declined for {amount}")

    def agent(client):
        messages = start()
        converse(client, messages)
        tell(messages, "12A")
        converse(client, messages)
        pay(89)

    return Failed(record(agent, call(n=1), call("pay", amount=89)), 1)


def meets_a_storm() -> Failed:
    def agent(client):
        messages = start()
        converse(client, messages)
        tell(messages, "12A")
        for _ in range(8):
            with contextlib.suppress(Refused):
                return converse(client, messages)
        raise Refused("the model was busy eight times")

    busy = anthropic.error("overloaded_error", "Overloaded")
    return Failed(record(agent, call(n=1), *[busy] * 8), 8)


def mends_a_storm_and_then_fails() -> Failed:
    def agent(client):
        messages = start()
        for _ in range(4):
            with contextlib.suppress(Refused):
                converse(client, messages)
                break
        tell(messages, "no seat", wrong=True)
        converse(client, messages)
        raise Refused("no seat")

    busy = anthropic.error("overloaded_error", "Overloaded")
    return Failed(record(agent, busy, busy, call(n=1), anthropic.text("There is no seat.")), 3)


def loops() -> Failed:
    def agent(client):
        messages = start()
        converse(client, messages)
        for _ in range(12):
            tell(messages, "try again")
            converse(client, messages)
        raise Refused("thirteen turns and no seat")

    return Failed(record(agent, call(n=0), *[call(train="night")] * 12), 1)


def has_a_failing_sub_agent() -> Failed:
    @tracefork.tool(agent=True, ignore=["client"])
    async def search(client, what, answers):
        messages = [{"role": "user", "content": f"Look for {what}."}]
        for wrong in answers:
            content = (
                await client.post(
                    URL, json={"model": "claude-haiku-4-5", "max_tokens": 9, "messages": messages}
                )
            ).json()["content"]
            messages.append({"role": "assistant", "content": content})
            tell(messages, "timetable lost" if wrong else "NT-9", wrong=wrong)
        return what

    async def agent(client):
        main = {"model": "claude-sonnet-4-5", "max_tokens": 99, "messages": start()}
        await client.post(URL, json=main)
        found = await asyncio.gather(
            *(
                search(client, what, wrong)
                for what, wrong in (
                    ("trains", [False, False, False]),
                    ("buses", [False, True, False]),
                    ("flights", [False, False]),
                    ("ferries", [False]),
                )
            )
        )
        again = {**main, "messages": [*start(), {"role": "user", "content": f"Found: {found}"}]}
        await client.post(URL, json=again)

    client = httpx.AsyncClient(
        transport=scripted.async_transport(scripted.by_rule(lambda asked: call(n=1)), httpx)
    )
    with tracefork.record(agent_name="booking") as run:
        asyncio.run(agent(client))
    wrong = next(p.step for p in tracefork.report.view(run.tape).problems if p.kind == "tool error")
    return Failed(run.tape, wrong, "the buses were not looked at")


def breaks_off() -> Failed:
    def agent(client):
        messages = start()
        converse(client, messages)
        tell(messages, "12A")
        converse(client, messages)

    return Failed(record(agent, call(n=1), Fault("ReadError", "the peer closed the connection")), 1)


def is_killed(folder) -> Failed:
    """What a store holds of a run whose process was killed in its third call."""
    client = httpx.Client(transport=scripted.transport(scripted.Script(call(n=1), call(n=2)), httpx))
    with tracefork.TapeStore.open(folder / "killed.db") as store:
        with tracefork.record(store, run_id="killed"):
            messages = start()
            for _ in range(2):
                converse(client, messages)
                tell(messages, "12A")
            tape = store.load("killed")
    return Failed(tape, len(tape) - 1)


ALL = {
    "raises": raises,
    "wrong answer": answers_wrongly,
    "tool error": has_a_tool_error,
    "tool raises": has_a_tool_that_raises,
    "529 storm": meets_a_storm,
    "mended storm": mends_a_storm_and_then_fails,
    "loop": loops,
    "sub-agent": has_a_failing_sub_agent,
    "breaks off": breaks_off,
    "killed": is_killed,
}
