"""`python mcp_tools.py LOG`: the agent's tools as an MCP server over pipes, which notes each call in LOG."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer

log = Path(sys.argv[1])
mcp = MCPServer("travel", log_level="CRITICAL")


def note(tool: str, about: str) -> None:
    with log.open("a") as file:
        file.write(f"{tool} {about}\n")


@mcp.tool()
def look(about: str) -> str:
    """Look at a place."""
    note("look", about)
    return f"{about} is there"


@mcp.tool()
def price(about: str) -> str:
    """What it costs."""
    note("price", about)
    return f"{len(about)} euros"


@mcp.tool()
def book(about: str) -> str:
    """Book it."""
    note("book", about)
    return "done"


if __name__ == "__main__":
    mcp.run()
