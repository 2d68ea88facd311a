# /// script
# dependencies = ["langchain", "langchain-openai", "langchain-mcp-adapters"]
# ///
"""langchain-mcp-adapters, a server over pipes"""

import sys
from pathlib import Path

import httpx2
from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from langchain_openai import ChatOpenAI
from weather_task import KEY, SYSTEM, TASK

SERVER = str(Path(__file__).parents[1] / "mcp_weather.py")


async def agent(url: str) -> str:
    servers = {"guide": {"transport": "stdio", "command": sys.executable, "args": [SERVER]}}
    async with (
        httpx2.AsyncClient() as http,
        MultiServerMCPClient(servers).session("guide") as session,
    ):
        model = ChatOpenAI(model="gpt-5-mini", api_key=KEY, base_url=f"{url}/v1", http_async_client=http)
        guide = create_agent(model, tools=await load_mcp_tools(session), system_prompt=SYSTEM)
        said = await guide.ainvoke({"messages": [{"role": "user", "content": TASK}]})
        return said["messages"][-1].text
