"""The tool of the weather as an MCP server over standard input and output, of mcp 1 or 2."""

from __future__ import annotations

from weather_task import weather

try:
    from mcp.server.mcpserver import MCPServer as Server
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server

if __name__ == "__main__":
    server = Server("guide")
    server.tool()(weather)
    server.run("stdio")
