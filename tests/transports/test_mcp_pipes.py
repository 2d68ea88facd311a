"""MCP over pipes, with the real client and server: recorded, and replayed with no server started."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx2
import pytest

import tracefork
from tracefork.errors import Divergence, ToolRefused
from tracefork.testing.scripted import async_transport, by_rule

pytest.importorskip("mcp.server.mcpserver")
pytestmark = pytest.mark.sdk

from mcp import Client, ClientSession, MCPError, StdioServerParameters  # noqa: E402
from mcp.client.stdio import stdio_client  # noqa: E402
from mcp.types import CreateMessageResult, TextContent  # noqa: E402

from tracefork.transports.mcp import recorded  # noqa: E402

TIMES = 4
SHOP = Path(__file__).parents[1] / "mcp_shop.py"
GONE = "no-such-program"
WEATHER = by_rule(lambda _: tracefork.Response(200, (), (b"rain",)))


class Shop:
    """What an agent has of the shop: how to reach it, and what was ordered there."""

    def __init__(self, folder):
        self.orders = folder / "orders"
        self.orders.touch()
        self.command = sys.executable

    def transport(self):
        return stdio_client(StdioServerParameters(command=self.command, args=[str(SHOP), str(self.orders)]))

    @property
    def ordered(self):
        return self.orders.read_text().split()


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


async def shopping(client, item="lamp"):
    heard = []

    async def progress(*told):
        heard.append(told)

    tools = sorted(tool.name for tool in (await client.list_tools()).tools)
    left = (await client.call_tool("stock", {"item": item})).model_dump()
    ordered = (await client.call_tool("order", {"count": 3}, progress_callback=progress)).model_dump()
    return tools, left, ordered, heard


async def by_client(transport):
    async with Client(transport) as client:
        return await shopping(client)


async def by_legacy_client(transport):
    async with Client(transport, mode="legacy") as client:
        return await shopping(client)


async def by_session(transport):
    async with transport as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        return await shopping(client)


async def side_by_side(transport):
    async with Client(transport, mode="legacy") as client:
        return await asyncio.gather(*(shopping(client, "x" * n) for n in range(1, 5)))


async def with_a_model(transport):
    """The server asks the client's model, which is over HTTP."""

    async def sample(context, params):
        async with httpx2.AsyncClient(transport=async_transport(WEATHER, httpx2)) as web:
            said = (await web.post("http://model/", content=params.messages[0].content.text)).text
        return CreateMessageResult(role="assistant", model="m", content=TextContent(type="text", text=said))

    async with transport as (read, write), ClientSession(read, write, sampling_callback=sample) as client:
        await client.initialize()
        return (await client.call_tool("advise", {"about": "weather"})).model_dump()


async def refused(transport):
    async with Client(transport, mode="legacy") as client:
        failed = (await client.call_tool("refuse", {})).model_dump()
        try:
            await client.read_resource("shop://none")
        except MCPError as exc:
            return failed, str(exc)


async def dying(transport):
    async with transport as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        try:
            await client.call_tool("die", {})
        except MCPError as exc:
            return str(exc)


async def giving_up(transport):
    async with transport as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        try:
            await client.call_tool("sleep", {}, read_timeout_seconds=0.3)
        except MCPError as exc:
            return str(exc), (await client.call_tool("stock", {"item": "ab"})).model_dump()


AGENTS = [
    by_client,
    pytest.param(by_legacy_client, marks=pytest.mark.nightly),
    by_session,
    side_by_side,
    with_a_model,
    refused,
    dying,
    giving_up,
]


def bounded(agent, shop, **options):
    async def main():
        async with asyncio.timeout(30):
            return await agent(recorded(shop.transport(), **options))

    return asyncio.run(main())


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.__name__)
def test_a_session_gets_the_same_with_no_server(agent, shop):
    with tracefork.record(strict=True) as run:
        live = bounded(agent, shop)
    ordered = shop.ordered
    shop.command = GONE

    assert run.tape.escaped == ()
    for tape in [run.tape] * TIMES + [tracefork.loads(tracefork.dumps(run.tape))]:
        with tracefork.replay(tape, patience=5) as again:
            assert bounded(agent, shop) == live
        assert again.tape.digest() == tape.digest(), tracefork.diff(tape, again.tape)
        assert again.forwarded == 0
    assert shop.ordered == ordered


def test_a_tool_is_an_effect_by_its_name(shop):
    with tracefork.record() as run:
        bounded(by_session, shop, name="shop")

    names = [effect.call.name for effect in run.tape.effects]
    assert names == ["shop:initialize", "shop:tools/list", "shop:stock", "shop:order"]
    assert '"count":3' in run.tape.effects[-1].call.arguments


def test_another_call_diverges(shop):
    with tracefork.record() as run:
        bounded(by_session, shop)

    async def other(transport):
        async with Client(transport, mode="legacy") as client:
            return await shopping(client, "table")

    with pytest.raises(Divergence), tracefork.replay(run.tape, patience=3):
        bounded(other, shop)


async def asking_a_model_first(transport):
    async with transport as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        first = (await client.call_tool("order", {"count": 1})).content[0].text
        async with httpx2.AsyncClient(transport=async_transport(WEATHER, httpx2)) as web:
            weather = (await web.get("http://model/")).text
        return first, weather, (await client.call_tool("order", {"count": 2})).content[0].text


@pytest.mark.slow
def test_a_fork_starts_the_server_in_mid_session_and_runs_only_what_is_new(shop):
    with tracefork.record() as run:
        bounded(asking_a_model_first, shop)
    assert shop.ordered == ["1", "2"]
    with tracefork.fork(run.tape, 0, tracefork.Response(200, (), (b"sun",))) as branch:
        said = bounded(asking_a_model_first, shop)

    assert said == ("1 ordered", "sun", "2 ordered")
    assert shop.ordered == ["1", "2", "2"]
    assert tracefork.verify(branch.tape, lambda: bounded(asking_a_model_first, shop)).ok


def test_a_live_tail_runs_no_tool_that_it_may_not(shop):
    with tracefork.record() as run:
        bounded(asking_a_model_first, shop)
    answer = tracefork.Response(200, (), (b"sun",))
    shop.command = GONE
    with tracefork.fork(run.tape, 0, answer, tools="recorded"):
        assert bounded(asking_a_model_first, shop)[2] == "2 ordered"
    with tracefork.fork(run.tape, 0, answer, tools=lambda call: "none today"):
        assert bounded(asking_a_model_first, shop)[2] == "none today"
    with pytest.raises(ToolRefused), tracefork.fork(run.tape, 0, answer, tools="refuse"):
        bounded(asking_a_model_first, shop)

    assert shop.ordered == ["1", "2"]


def test_a_server_that_cannot_be_started_is_said_so_where_it_is_entered(shop):
    shop.command = GONE
    with pytest.raises(OSError), tracefork.record():
        bounded(by_session, shop)


@pytest.mark.slow
def test_an_agent_gets_what_it_gets_without_a_run(shop):
    bare = bounded(by_session, shop)
    with tracefork.record():
        assert bounded(by_session, shop) == bare
    assert bare[0] == ["advise", "die", "order", "refuse", "sleep", "stock"]


def test_where_nothing_is_intercepted_the_server_is_an_escape_with_a_name(shop):
    async def agent(_):
        async with Client(shop.transport(), mode="legacy") as client:
            return await shopping(client)

    with tracefork.record(intercept=False) as run:
        bounded(agent, shop)

    assert [(e.kind, e.target) for e in run.tape.escaped] == [("process", Path(sys.executable).name)]
