"""Agents that have sub-agents, a model that answers what it is asked, and tapes that died at any tick."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import attrs
import httpx

import tracefork
from tracefork.core.values import UNFINISHED, Draw, Exchange, Pending
from tracefork.transports.httpx import AsyncTransport, Transport

URL = "http://model/v1/messages"


class Lab:
    """Counts what the model was asked and which tools ran, in earnest; an answer repeats its question."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ran: list[str] = []
        self.client = httpx.Client(transport=Transport(None, httpx.MockTransport(self.answer)))

    def answer(self, request: httpx.Request) -> httpx.Response:
        text = request.content.decode()
        self.asked.append(text)
        return httpx.Response(200, text=f"re {text}")

    async def aanswer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.001 * (len(self.asked) % 3))
        return self.answer(request)

    def ask(self, text: str) -> str:
        return self.client.post(URL, content=text).text

    async def aask(self, text: str) -> str:
        transport = AsyncTransport(None, httpx.MockTransport(self.aanswer))
        async with httpx.AsyncClient(transport=transport) as client:
            return (await client.post(URL, content=text)).text

    # -- tools and sub-agents ------------------------------------------------------------

    @tracefork.tool
    def look(self, what: str) -> str:
        self.ran.append(what)
        return f"saw {what}"

    @tracefork.tool(agent=True)
    def research(self, topic: str) -> str:
        plan = self.ask(f"plan {topic}")
        return self.ask(f"sum up {self.look(topic)} after {plan}")

    @tracefork.tool(agent=True)
    def lead(self, topic: str) -> list[str]:
        return [self.ask(f"lead {topic}"), *(self.research(f"{topic}{n}") for n in range(2))]

    @tracefork.tool(agent=True)
    async def aresearch(self, topic: str) -> str:
        plan = await self.aask(f"plan {topic}")
        return await self.aask(f"sum up {self.look(topic)} after {plan}")

    @tracefork.tool(agent=True)
    async def alead(self, topic: str) -> list[str]:
        first = await self.aask(f"lead {topic}")
        return [first, *await asyncio.gather(*(self.aresearch(f"{topic}{n}") for n in range(2)))]

    # -- agents --------------------------------------------------------------------------

    def alone(self) -> str:
        return self.ask(f"so {self.research('bees')}")

    def loop(self) -> list[str]:
        return [*(self.research(f"bee {n}") for n in range(3)), self.ask("done"), self.look("end")]

    def nested(self) -> list[object]:
        return [self.ask("go"), self.lead("ants"), self.lead("bees"), self.ask("done")]

    def threads(self) -> list[str]:
        with ThreadPoolExecutor(3) as pool:
            said = list(pool.map(self.research, ["ants", "bees", "wasps"]))
        failed = list[BaseException]()

        def work() -> None:
            try:
                said.append(self.research("flies"))
            except BaseException as exc:
                failed.append(exc)

        one = threading.Thread(target=work)
        one.start()
        one.join()
        if failed:
            raise failed[0]
        return [*said, self.ask("done")]

    def tasks(self) -> list[object]:
        return asyncio.run(self._tasks())

    async def _tasks(self) -> list[object]:
        found = await asyncio.gather(*(self.aresearch(topic) for topic in ("ants", "bees", "wasps")))
        return [*found, await self.alead("flies"), await self.aask("done")]


KINDS = ("alone", "loop", "nested", "threads", "tasks")


def record(kind: str, lab: Lab | None = None, **options: object) -> tracefork.Tape:
    lab = lab or Lab()
    with tracefork.record(**options) as run:
        getattr(lab, kind)()
    return run.tape


def died_at(tape: tracefork.Tape, tick: int) -> tracefork.Tape:
    """`tape` as a crash leaves it just after `tick`."""
    steps, pending = [], []
    for step in tape.steps:
        if step.span.ended <= tick:
            steps.append(step)
        elif step.span.began <= tick and not isinstance(step, Draw):
            headed = step.span.headed if isinstance(step, Exchange) and step.span.headed <= tick else None
            pending.append(Pending(step.asked, step.lane, step.span.began, headed))
    return attrs.evolve(tape, steps=tuple(steps), pending=tuple(pending), outcome=UNFINISHED)
