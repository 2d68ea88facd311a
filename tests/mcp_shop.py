"""A shop as an MCP server over pipes. What is ordered is written to the file that it is given."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import SamplingMessage, TextContent

orders = Path(sys.argv[1])
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
    note(count)
    return f"{count} ordered"


def note(count: int) -> None:
    orders.write_text(f"{orders.read_text()}{count}\n")


@mcp.tool()
async def advise(about: str, ctx: Context) -> str:
    """Ask the client's model."""
    question = SamplingMessage(role="user", content=TextContent(type="text", text=about))
    said = await ctx.session.create_message([question], max_tokens=9)
    return f"it says {said.content.text}"


@mcp.tool()
def refuse() -> str:
    """Fail."""
    raise ValueError("closed today")


@mcp.tool()
def die() -> str:
    """End in the middle of a call."""
    os._exit(3)


@mcp.tool()
async def sleep() -> str:
    """Answer in an hour."""
    import anyio

    await anyio.sleep(3_600)
    return "slept"


if __name__ == "__main__":
    mcp.run()
