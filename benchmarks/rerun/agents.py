"""A plan, run by a framework: one errand after another, or side by side as tasks, or on threads."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib.util import find_spec
from typing import Any, TypeAlias

from attrs import field, frozen

import tracefork
from benchmarks.rerun.model import World
from benchmarks.rerun.plans import Errand, Plan

Tool: TypeAlias = Callable[[str], str]
Say: TypeAlias = Callable[[str], Awaitable[str]]


@frozen
class Kit:
    """What a conversation is given."""

    system: str
    model: str
    tools: tuple[Tool, ...] = ()


@frozen
class Framework:
    """How an agent asks: `talk` begins a conversation with a client that `open` makes for a url.

    `how` errands are done is "one by one", as "tasks" of a loop, on "threads", or, for a client that wants a
    loop, "one by one, awaited". `nested` makes each a sub-agent.
    """

    name: str
    modules: tuple[str, ...]
    how: str
    open: Callable[[str, World], AbstractAsyncContextManager[Any]] = field(repr=False)
    talk: Callable[[Any, Kit], Say] = field(repr=False)
    nested: bool = False
    mends: bool = True  # its tools are functions, whose code is seen

    @property
    def is_sequential(self) -> bool:
        return self.how.startswith("one by one")

    @property
    def missing(self) -> str:
        """The module that is not installed, if one is not."""
        return next((name for name in self.modules if find_spec(name.partition(".")[0]) is None), "")

    def run(self, plan: Plan, url: str, world: World) -> list[str]:
        """All answers that the agent comes to, in the order of its errands."""
        coroutine = self._main(plan, url, world)
        return asyncio.run(coroutine) if self.how in ("tasks", "one by one, awaited") else driven(coroutine)

    async def _main(self, plan: Plan, url: str, world: World) -> list[str]:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(self.open(url, world))
            agent = Agent(self, plan, client, toolbox(world, plan), stamp() if plan.stamps == "run" else "")
            return await agent.work()


@frozen
class Agent:
    """One run of a plan."""

    by: Framework
    plan: Plan
    client: Any
    tools: dict[str, Tool]
    stamp: str

    async def work(self) -> list[str]:
        code, answers = self.plan.code, []
        if "plans" in code:
            answers.append(await self.ask("Make a plan."))
        todo = list(self.plan.errands)
        if "votes" in code:
            todo = [todo[0], todo[0], *todo] if todo else []
        answers += await self.each(todo)
        if "silent" in code:
            return answers
        for _ in range(1 + ("twice" in code)):
            answers.append(await self.ask(self.closing(answers)))
        return answers

    async def each(self, errands: list[Errand]) -> list[str]:
        match self.by.how:
            case "tasks":
                return list(await asyncio.gather(*map(self.chain, errands)))
            case "threads":
                with ThreadPoolExecutor(3) as pool:
                    return list(pool.map(lambda errand: driven(self.chain(errand)), errands))
            case _:
                return [await self.chain(errand) for errand in errands]

    def chain(self, errand: Errand) -> Coroutine[Any, Any, str]:
        if not self.by.nested:
            return self.converse(errand)
        return _sub_agent(self, errand) if self.by.how == "tasks" else _sub_agent_on_thread(self, errand)

    async def converse(self, errand: Errand) -> str:
        code, answer, text = self.plan.code, "", f"Tell me about {errand.topic}."
        talk = self.begin(errand)
        for number in range(errand.rounds):
            if number and "forgets" in code:
                talk = self.begin(errand)
            if number and "quotes" in code:
                text = f"{errand.follow} You said: {answer}"
            elif number:
                text = errand.follow
            answer = await talk(text)
            if "curious" in code and " " not in answer:
                answer = await talk("Are you sure?")
            if "hasty" in code and " " not in answer:
                break
        if "checks" in code:
            answer += await self.ask(f"Is this about {errand.topic}: {answer}?")
        return answer

    def begin(self, errand: Errand) -> Say:
        tools = tuple(self.tools[name] for name in errand.tools)
        more = stamp() if self.plan.stamps == "errand" else ""
        return self.by.talk(self.client, Kit(self.plan.system + self.stamp + more, errand.model, tools))

    async def ask(self, text: str) -> str:
        kit = Kit(self.plan.system + self.stamp, self.plan.closing_model)
        return await self.by.talk(self.client, kit)(text)

    def closing(self, answers: list[str]) -> str:
        code = self.plan.code
        if "brief" in code:
            answers = [answer.split()[-1][:4] for answer in answers]
        if "loud" in code:
            answers = [answer.upper() for answer in answers]
        if "last only" in code:
            answers = answers[-1:]
        if "sorts" in code:
            answers = sorted(answers)
        count = f" these {len(answers)}" if "counts" in code else ""
        return f"{self.plan.closing}{count}: {'; '.join(answers)}"


@tracefork.tool(agent=True, name="errand", ignore=("agent",))
async def _sub_agent(agent: Agent, errand: Errand) -> str:
    return await agent.converse(errand)


async def _sub_agent_on_thread(agent: Agent, errand: Errand) -> str:
    answer: str = _synchronous_sub_agent(agent, errand)
    return answer


@tracefork.tool(agent=True, name="errand", ignore=("agent",))
def _synchronous_sub_agent(agent: Agent, errand: Errand) -> str:
    answer: str = driven(agent.converse(errand))
    return answer


def stamp() -> str:
    """What makes a prompt another one in each run, unless it is drawn."""
    return f" It is {time.time():.6f}, in session {uuid.uuid4()}."


def driven(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine that never suspends returns."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a synchronous client waits for nothing")


# -- the tools, which are functions of their argument ------------------------------------------


def toolbox(world: World, plan: Plan) -> dict[str, Tool]:
    """The tools by name, in the versions that `plan` has."""
    made = {"": _sound(world), "mended": _mended(world), "tidied": _tidied(world)}
    tools = {}
    for number, name in enumerate(("look", "price", "book")):
        fn = made[plan.versions.get(name, "")][number]
        if name in plan.described:
            fn.__doc__ = f"{fn.__doc__} Use it twice."
        tools[name] = tracefork.tool(name=name)(fn)
    return tools


def _sound(world: World) -> tuple[Tool, Tool, Tool]:
    def look(about: str) -> str:
        """Look at a place."""
        world.run("look", "", about)
        return f"{about} is there"

    def price(about: str) -> str:
        """What it costs."""
        world.run("price", "", about)
        return f"{len(about)} euros"

    def book(about: str) -> str:
        """Book it."""
        world.run("book", "", about)
        return "done"

    return look, price, book


def _mended(world: World) -> tuple[Tool, Tool, Tool]:
    def look(about: str) -> str:
        """Look at a place."""
        world.run("look", "mended", about)
        return f"{about} is open"

    def price(about: str) -> str:
        """What it costs."""
        world.run("price", "mended", about)
        return f"{len(about) + 1} euros"

    return look, price, _sound(world)[2]


def _tidied(world: World) -> tuple[Tool, Tool, Tool]:
    def look(about: str) -> str:
        """Look at a place."""
        world.run("look", "tidied", about)
        return about + " is there"

    def price(about: str) -> str:
        """What it costs."""
        world.run("price", "tidied", about)
        return str(len(about)) + " euros"

    return look, price, _sound(world)[2]
