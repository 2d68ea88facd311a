"""The agent on frameworks, which have a loop of their own for tools; and with tools of MCP's."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.rerun.agents import Framework, Kit, Say
from benchmarks.rerun.model import World
from benchmarks.rerun.sdks import (
    KEY,
    ONE,
    SDKS,
    TASKS,
    THREADS,
    Open,
    anthropic_asks,
    awaited,
    in_loop,
    opened,
)

AWAITED = "one by one, awaited"
HERE = Path(__file__).parent


# -- OpenAI's agents ---------------------------------------------------------------------


def _openai(url: str) -> Any:
    import agents
    from openai import AsyncOpenAI

    agents.set_tracing_disabled(disabled=True)  # it reports over a client of its own
    return AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1")


def _openai_agents(model: str, *, streamed: bool = False) -> Any:
    def talk(client: Any, kit: Kit) -> Say:
        import agents

        made = getattr(agents, model)(model=kit.model, openai_client=client)
        tools = [agents.function_tool(tool) for tool in kit.tools]
        agent = agents.Agent(name="a", instructions=kit.system, model=made, tools=tools)
        said: list[Any] = []

        async def say(text: str) -> str:
            nonlocal said
            asked = [*said, {"role": "user", "content": text}]
            if streamed:
                result: Any = agents.Runner.run_streamed(agent, asked)
                async for _ in result.stream_events():
                    pass
            else:
                result = await agents.Runner.run(agent, asked)
            said = result.to_input_list()
            return str(result.final_output)

        return say

    return talk


# -- Pydantic AI --------------------------------------------------------------------------


@asynccontextmanager
async def _pydantic_anthropic(url: str, _: World) -> AsyncIterator[Any]:
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    provider = AnthropicProvider(api_key=KEY, base_url=url)
    async with provider.client:
        yield lambda name: AnthropicModel(name, provider=provider)


@asynccontextmanager
async def _pydantic_openai(url: str, _: World) -> AsyncIterator[Any]:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(api_key=KEY, base_url=f"{url}/v1")
    async with provider.client:
        yield lambda name: OpenAIChatModel(name, provider=provider)


def _pydantic_talk(model: Any, kit: Kit) -> Say:
    from pydantic_ai import Agent, Tool

    agent = Agent(model(kit.model), instructions=kit.system, tools=[Tool(tool) for tool in kit.tools])
    history: list[Any] = []

    async def say(text: str) -> str:
        nonlocal history
        result = await agent.run(text, message_history=history or None)
        history = result.all_messages()
        return str(result.output)

    return say


# -- LangChain ------------------------------------------------------------------------------


@asynccontextmanager
async def _langchain_anthropic(url: str, _: World) -> AsyncIterator[Any]:
    from anthropic import AsyncAnthropic
    from langchain_anthropic import ChatAnthropic

    async with AsyncExitStack() as stack:
        client = (
            await stack.enter_async_context(AsyncAnthropic(api_key=KEY, base_url=url)) if in_loop() else None
        )

        def make(name: str) -> Any:
            model = ChatAnthropic(model=name, api_key=KEY, base_url=url, max_tokens=99)
            if client is not None:  # its own is shared by all loops
                model.__dict__["_async_client"] = client
            return model

        yield make


@asynccontextmanager
async def _langchain_openai(url: str, _: World) -> AsyncIterator[Any]:
    import httpx2
    from langchain_openai import ChatOpenAI

    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient()) if in_loop() else None

        def make(name: str) -> Any:
            options = {"api_key": KEY, "base_url": f"{url}/v1", "http_async_client": http}
            return ChatOpenAI(model=name, use_responses_api=False, **options)

        yield make


def _langchain(*, is_async: bool) -> Any:
    def talk(make: Any, kit: Kit) -> Say:
        from langchain_core.messages import HumanMessage, SystemMessage
        from langchain_core.tools import StructuredTool

        tools = {tool.__name__: StructuredTool.from_function(tool) for tool in kit.tools}
        model = make(kit.model)
        bound = model.bind_tools(list(tools.values())) if tools else model
        messages: list[Any] = [SystemMessage(kit.system)]

        async def say(text: str) -> str:
            messages.append(HumanMessage(text))
            while True:
                said = await awaited(bound.ainvoke(messages) if is_async else bound.invoke(messages))
                messages.append(said)
                if not said.tool_calls:
                    return str(said.text)
                for call in said.tool_calls:
                    tool = tools[call["name"]]
                    messages.append(await awaited(tool.ainvoke(call) if is_async else tool.invoke(call)))

        return say

    return talk


# -- LangGraph, where it is installed ---------------------------------------------------------


def _langgraph(*, is_async: bool) -> Any:
    def talk(make: Any, kit: Kit) -> Say:
        from langgraph.prebuilt import create_react_agent

        agent = create_react_agent(make(kit.model), list(kit.tools), prompt=kit.system)
        messages: list[Any] = []

        async def say(text: str) -> str:
            nonlocal messages
            asked = {"messages": [*messages, {"role": "user", "content": text}]}
            done = await awaited(agent.ainvoke(asked) if is_async else agent.invoke(asked))
            messages = done["messages"]
            return str(messages[-1].text)

        return say

    return talk


# -- tools of an MCP server over pipes ----------------------------------------------------------


@asynccontextmanager
async def _mcp(url: str, world: World) -> AsyncIterator[Any]:
    from anthropic import AsyncAnthropic
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    from tracefork.transports.mcp import recorded

    command = [str(HERE / "mcp_tools.py"), str(world.log)]
    server = stdio_client(StdioServerParameters(command=sys.executable, args=command))
    async with (
        AsyncAnthropic(api_key=KEY, base_url=url) as model,
        Client(recorded(server, name="travel")) as tools,
    ):
        yield model, tools


def _mcp_talk(clients: Any, kit: Kit) -> Say:
    model, tools = clients
    messages: list[Any] = []

    async def say(text: str) -> str:
        messages.append({"role": "user", "content": text})
        while True:
            message = await model.messages.create(**anthropic_asks(kit, messages))
            content = [
                block.model_dump(include={"type", "text", "id", "name", "input"}) for block in message.content
            ]
            messages.append({"role": "assistant", "content": content})
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                return str(message.content[0].text)
            results = []
            for call in calls:
                done = await tools.call_tool(call.name, call.input)
                results.append(
                    {"type": "tool_result", "tool_use_id": call.id, "content": done.content[0].text}
                )
            messages.append({"role": "user", "content": results})

    return say


CHAT, RESPONSES = "OpenAIChatCompletionsModel", "OpenAIResponsesModel"
_AGENTS: Open = opened(_openai)

FRAMEWORKS = (
    Framework("openai-agents, chat", ("agents",), AWAITED, _AGENTS, _openai_agents(CHAT)),
    Framework("openai-agents, chat", ("agents",), TASKS, _AGENTS, _openai_agents(CHAT)),
    Framework("openai-agents, Responses", ("agents",), TASKS, _AGENTS, _openai_agents(RESPONSES)),
    Framework("openai-agents, streams", ("agents",), TASKS, _AGENTS, _openai_agents(CHAT, streamed=True)),
    Framework("pydantic-ai, anthropic", ("pydantic_ai",), AWAITED, _pydantic_anthropic, _pydantic_talk),
    Framework("pydantic-ai, anthropic", ("pydantic_ai",), TASKS, _pydantic_anthropic, _pydantic_talk),
    Framework("pydantic-ai, openai", ("pydantic_ai",), TASKS, _pydantic_openai, _pydantic_talk),
    Framework(
        "langchain-anthropic", ("langchain_anthropic",), ONE, _langchain_anthropic, _langchain(is_async=False)
    ),
    Framework(
        "langchain-anthropic",
        ("langchain_anthropic",),
        TASKS,
        _langchain_anthropic,
        _langchain(is_async=True),
    ),
    Framework(
        "langchain-openai", ("langchain_openai",), THREADS, _langchain_openai, _langchain(is_async=False)
    ),
    Framework("langchain-openai", ("langchain_openai",), TASKS, _langchain_openai, _langchain(is_async=True)),
    Framework("langgraph", ("langgraph",), ONE, _langchain_anthropic, _langgraph(is_async=False)),
    Framework("langgraph", ("langgraph",), TASKS, _langchain_anthropic, _langgraph(is_async=True)),
    Framework("anthropic and MCP", ("mcp", "anthropic"), AWAITED, _mcp, _mcp_talk, mends=False),
    Framework("anthropic and MCP", ("mcp", "anthropic"), TASKS, _mcp, _mcp_talk, mends=False),
)

ALL = (*SDKS, *FRAMEWORKS)
