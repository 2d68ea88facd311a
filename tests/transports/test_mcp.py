"""MCP over streamable HTTP, with the real server and client: recorded, replayed with the server gone.

The client keeps a GET open for what the server may say of itself, and POSTs are answered by streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

import tracefork
from tracefork.errors import Divergence

pytest.importorskip("mcp.server.mcpserver")
uvicorn = pytest.importorskip("uvicorn")
pytestmark = pytest.mark.sdk

from mcp import Client, ClientSession  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402
from mcp.server.mcpserver import Context, MCPServer  # noqa: E402

TIMES = 4


@contextlib.contextmanager
def shop(**options):
    """The url of a shop with two tools."""
    mcp = MCPServer("shop", log_level="CRITICAL")

    @mcp.tool()
    def stock(item: str) -> int:
        """How many are left."""
        return len(item)

    @mcp.tool()
    async def order(count: int, ctx: Context) -> str:
        """Order, and be told how it goes."""
        for n in range(count):
            await ctx.report_progress(n, count)
        return f"{count} ordered"

    app = mcp.streamable_http_app(**options)
    config = uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


async def shopping(client, *, item="lamp"):
    heard = []

    async def progress(*told):
        heard.append(told)

    tools = [tool.name for tool in (await client.list_tools()).tools]
    left = (await client.call_tool("stock", {"item": item})).model_dump()
    ordered = (await client.call_tool("order", {"count": 3}, progress_callback=progress)).model_dump()
    return tools, left, ordered, heard


async def by_discovery(url, **options):
    async with Client(url) as client:
        return await shopping(client, **options)


async def by_initialising(url, **options):
    async with Client(url, mode="legacy") as client:
        return await shopping(client, **options)


async def leaving_it_open(url, **options):
    """The GET for the server's own messages is cancelled by leaving, the session never ended."""
    async with (
        streamable_http_client(url, terminate_on_close=False) as (reading, writing),
        ClientSession(reading, writing) as client,
    ):
        await client.initialize()
        return await shopping(client, **options)


async def side_by_side(url, **options):
    async with Client(url, mode="legacy") as client:
        return await asyncio.gather(*(shopping(client, item="x" * n) for n in range(1, 5)))


AGENTS = [by_discovery, by_initialising, leaving_it_open]
CASES = [(agent, form) for agent in AGENTS for form in ("streams", "json")]
CASES += [(side_by_side, "json")]  # chunks of streams side by side keep no order: see test_streams


def bounded(agent, *args, **options):
    async def main():
        async with asyncio.timeout(20):
            return await agent(*args, **options)

    return asyncio.run(main())


@pytest.mark.parametrize(("agent", "form"), CASES, ids=[f"{agent.__name__}-{form}" for agent, form in CASES])
def test_a_session_gets_the_same_from_the_tape_with_the_server_gone(agent, form):
    with shop(json_response=form == "json") as url:
        bare = bounded(agent, url)
        with tracefork.record() as run:
            live = bounded(agent, url)

    assert live == bare
    assert run.tape.pending == ()
    for _ in range(TIMES):
        with tracefork.replay(run.tape, patience=5) as again:
            assert bounded(agent, url) == live
        assert again.tape.digest() == run.tape.digest(), tracefork.diff(run.tape, again.tape)
        assert again.forwarded == 0
    assert ("GET" in [x.request.method for x in run.tape]) == (agent is not by_discovery)


def test_another_tool_call_diverges_and_does_not_hang():
    with shop() as url, tracefork.record() as run:
        bounded(by_initialising, url)
    began = time.monotonic()
    with pytest.raises(Divergence) as caught, tracefork.replay(run.tape, patience=5):
        bounded(by_initialising, url, item="table")

    assert caught.value.path == "$.params.arguments.item"
    assert time.monotonic() - began < 4
