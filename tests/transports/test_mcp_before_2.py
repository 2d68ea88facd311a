"""mcp 1 and langchain-mcp-adapters, which want no newer one: servers over pipes as they stand."""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec

import pytest

import tracefork

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.skipif(
        not find_spec("langchain_mcp_adapters"), reason="it wants mcp<2: it has an environment of its own"
    ),
]

SHOP = '''
import sys
from pathlib import Path
from mcp.server.fastmcp import FastMCP

orders, mcp = Path(sys.argv[1]), FastMCP("shop", log_level="CRITICAL")

@mcp.tool()
def order(count: int) -> str:
    """Order."""
    orders.write_text(f"{orders.read_text()}{count}\\n")
    return f"{count} ordered"

mcp.run()
'''


def test_tools_that_langchain_takes_from_a_server_are_recorded_and_replayed_with_no_server(tmp_path):
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools

    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "orders").touch()

    async def agent(command):
        args = [str(tmp_path / "shop.py"), str(tmp_path / "orders")]
        client = MultiServerMCPClient({"shop": {"command": command, "args": args, "transport": "stdio"}})
        (tool,) = await client.get_tools()
        said = [tool.name, await tool.ainvoke({"count": 2})]
        async with client.session("shop") as session:
            (tool,) = await load_mcp_tools(session)
            said.append(await tool.ainvoke({"count": 3}))
        return [without_id(each) for each in said]

    with tracefork.record(strict=True) as run:
        first = asyncio.run(agent(sys.executable))
    for _ in range(3):
        with tracefork.replay(run.tape, patience=5) as again:
            assert asyncio.run(agent("/no-such-folder/python")) == first
        assert again.tape.digest() == run.tape.digest() and again.forwarded == 0

    assert (tmp_path / "orders").read_text().split() == ["2", "3"] and "2 ordered" in str(first)
    names = [effect.call.name for effect in run.tape.effects]
    assert names.count("shop:order") == 2 and {name.partition(":")[0] for name in names} == {"shop"}


def without_id(said):
    """What a tool said, without the id that langchain draws for it."""
    return [{k: v for k, v in part.items() if k != "id"} for part in said] if isinstance(said, list) else said
