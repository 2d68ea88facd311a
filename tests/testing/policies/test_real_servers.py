"""A model asks for a tool of a server of MCP, over pipes, and the agent calls it: that is one call."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from conducts import MESSAGES

import tracefork
from tracefork.providers import anthropic
from tracefork.testing import policy
from tracefork.testing.scripted import Script, async_transport

pytest.importorskip("mcp.server.mcpserver")
pytestmark = pytest.mark.sdk

from mcp import Client, StdioServerParameters  # noqa: E402
from mcp.client.stdio import stdio_client  # noqa: E402

SHOP = Path(__file__).parents[2] / "mcp_shop.py"


async def shop(orders, mode):
    model = Script(anthropic.tool_use("order", {"count": 3}), anthropic.text("Ordered."))
    parameters = StdioServerParameters(command=sys.executable, args=[str(SHOP), str(orders)])
    asked = {"model": "m", "messages": [{"role": "user", "content": "Order three."}]}
    async with httpx.AsyncClient(transport=async_transport(model, httpx)) as http:
        async with Client(
            tracefork.transports.mcp.recorded(stdio_client(parameters), name="shop"), mode=mode
        ) as client:
            await client.list_tools()
            call = (await http.post(MESSAGES, json=asked)).json()["content"][-1]
            await client.call_tool(call["name"], call["input"])
            await client.call_tool("stock", {"item": "lamp"})
            await http.post(MESSAGES, json=asked)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_tool_of_a_server_is_counted_once_and_what_else_it_is_asked_is_none(tmp_path, mode):
    orders = tmp_path / "orders"
    orders.touch()
    with tracefork.record() as run:
        asyncio.run(shop(orders, mode))

    kept = {
        "tools": ["shop:order", "stock"],
        "order": ["order", "stock"],
        "at_most": {"order": 1, "stock": 1},
    }
    assert policy(**kept, arguments={"order": {"count": 3}}).check(run) == ()
    [breach] = policy(never=["shop:stock"]).check(run)
    assert str(breach) == 'step 0: shop:stock(item="lamp") was called: shop:stock never may be (never=)'
