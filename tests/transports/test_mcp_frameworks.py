"""MCP over pipes in frameworks that start servers themselves: recorded, and replayed with no server."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import tracefork
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

pytest.importorskip("mcp.server.mcpserver")
pytestmark = [pytest.mark.sdk, pytest.mark.slow]

from mcp import Client, ClientSession, ClientSessionGroup, StdioServerParameters, stdio_client  # noqa: E402
from mcp.client import stdio  # noqa: E402

from tracefork.transports import mcp as adapter  # noqa: E402
from tracefork.transports.mcp_names import name_program  # noqa: E402

SHOP = Path(__file__).parents[1] / "mcp_shop.py"
EARLY = [stdio_client, stdio.stdio_client]
TIMES = 3
KEY = "not-a-real-key"
GONE = "/no-such-folder"


class Shop:
    """What an agent has of the shop, and of a model that looks into its stock."""

    def __init__(self, folder, url=""):
        self.orders = folder / "orders"
        self.orders.touch()
        self.command = sys.executable
        self.url = url

    @property
    def args(self):
        return [str(SHOP), str(self.orders)]

    @property
    def parameters(self):
        return StdioServerParameters(command=self.command, args=self.args)

    @property
    def ordered(self):
        return self.orders.read_text().split()


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def answers(request):
    """A model that orders two, as the tool is called by whoever asks, and then is content."""
    asked = json.loads(request.body)
    (last,) = asked["messages"][-1:]
    said = {"role": "assistant", "content": f"I have: {last['content']}"}
    if last["role"] != "tool":
        (name,) = [
            one["function"]["name"] for one in asked["tools"] if one["function"]["name"].endswith("order")
        ]
        call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": '{"count": 2}'}}
        said = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": said, "finish_reason": "stop" if said["content"] else "tool_calls"}
    tree = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return tracefork.Response(200, (("content-type", "application/json"),), (json.dumps(tree).encode(),))


# -- agents ----------------------------------------------------------------------------------------


async def shopping(client):
    tools = sorted(tool.name for tool in (await client.list_tools()).tools)
    return tools, (await client.call_tool("order", {"count": 2})).model_dump()


async def by_client(shop):
    async with Client(shop.parameters, mode="legacy") as client:
        return await shopping(client)


async def by_session(shop):
    async with stdio_client(server=shop.parameters) as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        return await shopping(client)


async def by_early_name(shop):
    async with EARLY[1](shop.parameters, sys.stderr) as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        return await shopping(client)


async def by_group(shop):
    async with ClientSessionGroup() as group:
        await group.connect_to_server(shop.parameters)
        return sorted(group.tools), (await group.call_tool("order", {"count": 2})).model_dump()


async def by_openai_agents(shop):
    agents = pytest.importorskip("agents")
    from agents.mcp import MCPServerStdio
    from openai import AsyncOpenAI

    agents.set_tracing_disabled(disabled=True)
    async with (
        MCPServerStdio({"command": shop.command, "args": shop.args}) as server,
        AsyncOpenAI(api_key=KEY, base_url=f"{shop.url}/v1") as client,
    ):
        model = agents.OpenAIChatCompletionsModel(model="m", openai_client=client)
        agent = agents.Agent(name="a", model=model, mcp_servers=[server])
        return (await agents.Runner.run(agent, "buy two")).final_output


async def by_pydantic_ai(shop):
    pytest.importorskip("fastmcp")
    from fastmcp.client.transports import StdioTransport
    from openai import AsyncOpenAI
    from pydantic_ai import Agent
    from pydantic_ai.mcp import MCPToolset
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    async with AsyncOpenAI(api_key=KEY, base_url=f"{shop.url}/v1") as client:
        model = OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client))
        transport = StdioTransport(shop.command, shop.args, keep_alive=False)
        async with Agent(model, toolsets=[MCPToolset(transport)]) as agent:
            return (await agent.run("buy two")).output


async def by_fastmcp(shop):
    fastmcp = pytest.importorskip("fastmcp")
    from fastmcp.client.transports import StdioTransport

    async with fastmcp.Client(StdioTransport(shop.command, shop.args, keep_alive=False)) as client:
        tools = sorted(tool.name for tool in await client.list_tools())
        return tools, str((await client.call_tool("order", {"count": 2})).content)


PLAIN = [by_client, by_session, by_early_name, by_group, by_fastmcp]
WHOLE = [by_openai_agents, by_pydantic_ai]


def bounded(agent, shop):
    async def main():
        async with asyncio.timeout(40):
            return await agent(shop)

    return asyncio.run(main())


@pytest.mark.parametrize("agent", PLAIN + WHOLE, ids=lambda agent: agent.__name__)
def test_what_a_framework_starts_is_recorded_and_replayed_with_no_server(agent, shop):
    with LoopbackServer(by_rule(answers)) as server:
        shop.url = server.url
        bare = bounded(agent, shop)
        with tracefork.record(strict=True) as run:
            assert bounded(agent, shop) == bare
    ordered = shop.ordered
    shop.command = f"{GONE}/python"

    for tape in [run.tape] * TIMES + [tracefork.loads(tracefork.dumps(run.tape))]:
        with tracefork.replay(tape, patience=5) as again:
            assert bounded(agent, shop) == bare
        assert again.tape.digest() == tape.digest(), tracefork.diff(tape, again.tape)
        assert again.forwarded == 0 and again.refused == ()
    assert shop.ordered == ordered == ["2", "2"] and run.tape.escaped == ()
    names = [effect.call.name for effect in run.tape.effects]
    assert names.count("mcp_shop:order") == 1 and {name.partition(":")[0] for name in names} == {"mcp_shop"}


@pytest.mark.parametrize("agent", WHOLE, ids=lambda agent: agent.__name__)
def test_a_fork_of_a_whole_agent_orders_again_only_when_it_is_live(agent, shop):
    with LoopbackServer(by_rule(answers)) as server:
        shop.url = server.url
        with tracefork.record() as run:
            bounded(agent, shop)
        exchanges = [n for n, step in enumerate(run.tape.steps) if step in run.tape.exchanges]
        with tracefork.fork(run.tape, len(exchanges) - 1) as late:
            bounded(agent, shop)
        assert shop.ordered == ["2"]
        with tracefork.fork(run.tape, 0, run.tape[0].response) as early:
            bounded(agent, shop)

    assert shop.ordered == ["2", "2"]
    for branch in (late, early):
        verdict = tracefork.verify(branch.tape, lambda: bounded(agent, shop))
        assert verdict.ok and verdict.unrecorded == (), "its tools are known to be the server's"


# -- once, and by the same name ------------------------------------------------------------------------


def wrapped(**options):
    async def agent(shop):
        transport = adapter.recorded(stdio_client(shop.parameters), **options)
        async with transport as (read, write), ClientSession(read, write) as client:
            await client.initialize()
            return await shopping(client)

    return agent


@pytest.mark.parametrize("options", [{}, {"name": "ours"}])
def test_what_is_wrapped_by_hand_is_recorded_once_and_named_as_it_says(options, shop):
    with tracefork.record() as run:
        bounded(wrapped(**options), shop)

    name = options.get("name", "mcp")
    assert [effect.call.name for effect in run.tape.effects] == [
        f"{name}:{what}" for what in ("initialize", "tools/list", "order")
    ]


def test_a_tape_that_was_recorded_by_hand_is_followed_without_the_hand(shop):
    with tracefork.record() as run:
        first = bounded(wrapped(), shop)

    assert tracefork.verify(run.tape, lambda: bounded(by_session, shop)).ok
    with tracefork.resume(run.tape) as more:
        assert bounded(by_session, shop) == first
    assert tracefork.verify(more.tape, lambda: bounded(wrapped(), shop)).ok


def test_several_servers_have_names_of_their_own_and_one_that_is_started_again_has_its_own(shop, tmp_path):
    (tmp_path / "other").mkdir()
    other = Shop(tmp_path / "other")
    depot = tmp_path / "depot.py"
    depot.write_text(SHOP.read_text())

    async def agent(shop):
        said = [await by_session(shop), await by_session(other), await by_session(shop)]
        parameters = StdioServerParameters(command=shop.command, args=[str(depot), str(shop.orders)])
        async with Client(parameters, mode="legacy") as client:
            return [*said, await shopping(client)]

    with tracefork.record() as run:
        first = bounded(agent, shop)
    assert tracefork.verify(run.tape, lambda: bounded(agent, shop)).ok

    names = [effect.call.name for effect in run.tape.effects if effect.call.name.endswith(":order")]
    assert names == ["mcp_shop:order", "mcp_shop#2:order", "mcp_shop:order", "depot:order"]
    assert len(first) == 4 and other.ordered == ["2"]


def test_servers_side_by_side_get_their_own_answers(shop, tmp_path):
    async def ask(item):
        async with stdio_client(shop.parameters) as (read, write), ClientSession(read, write) as client:
            await client.initialize()
            return (await client.call_tool("stock", {"item": item})).model_dump()

    async def agent(shop):
        return await asyncio.gather(*(ask("x" * n) for n in range(1, 4)))

    with tracefork.record() as run:
        first = bounded(agent, shop)
    shop.command = f"{GONE}/python"
    for _ in range(TIMES):
        with tracefork.replay(run.tape, patience=5):
            assert bounded(agent, shop) == first


NAMES = [
    ("npx", ["-y", "@modelcontextprotocol/server-filesystem@1.2", "/srv"], "server-filesystem"),
    ("npx", ["-y", "-p", "tool@2", "run-it"], "run-it"),
    ("uvx", ["--from", "git+https://h/r.git", "mcp-server-git"], "mcp-server-git"),
    ("uv", ["--directory", "/home/me/weather", "run", "weather.py"], "weather"),
    ("uv", ["run", "--with", "mcp", "mcp", "run", "server.py"], "mcp"),
    ("/usr/bin/python3.12", ["/home/me/shop.py", "--db", "/tmp/x"], "shop"),
    ("python", ["-m", "weather.server"], "weather.server"),
    ("python", ["-u", "-X", "utf8", "shop.py"], "shop"),
    ("python", ["-c", "import x"], "python"),
    ("docker", ["run", "-i", "--rm", "-e", "KEY", "ghcr.io/me/fetch:latest"], "fetch"),
    ("node", [r"C:\servers\index.js"], "index"),
    ("env", ["KEY=1", "node", "x.js"], "node"),
    ("cmd", ["/c", "npx", "thing"], "npx"),
    ("/opt/bin/my-server", ["--port", "1"], "my-server"),
    ("python", [], "python"),
    ("", [], "mcp"),
    ("a b: c", [], "a-b"),
]


@pytest.mark.parametrize(("command", "args", "name"), NAMES, ids=lambda value: str(value)[:30])
def test_a_server_is_called_by_its_program(command, args, name):
    assert name_program(command, args) == name


# -- where it is none of the run's --------------------------------------------------------------------


def test_outside_of_runs_and_after_them_it_is_what_it_was(shop):
    before = [(function.__wrapped__.__code__, function.__wrapped__.__kwdefaults__) for function in EARLY]
    with tracefork.record(), tracefork.record():
        assert stdio_client.__wrapped__.__code__ is not before[0][0]
    assert before == [
        (function.__wrapped__.__code__, function.__wrapped__.__kwdefaults__) for function in EARLY
    ]
    bounded(by_session, shop)
    assert shop.ordered == ["2"]


@pytest.mark.parametrize(
    "agent", [by_session, wrapped(), by_client], ids=["stdio_client", "by hand", "Client"]
)
def test_in_a_tool_it_is_the_tools(agent, shop):
    @tracefork.tool
    def buy(count):
        return bounded(agent, shop)[0]

    with tracefork.record(strict=True) as run:
        first = buy(2)
    with tracefork.replay(run.tape):
        assert buy(2) == first

    assert [effect.call.name for effect in run.tape.effects] == ["buy"] and shop.ordered == ["2"]


def test_a_session_that_outlives_its_run_goes_on_unrecorded(shop):
    @asynccontextmanager
    async def opened():
        async with stdio_client(shop.parameters) as (read, write), ClientSession(read, write) as client:
            await client.initialize()
            yield client

    async def agent(shop):
        with tracefork.record() as run:
            context = opened()
            client = await context.__aenter__()
            first = await shopping(client)
        said = await shopping(client)
        await context.__aexit__(None, None, None)
        return run, first == said

    run, same = bounded(agent, shop)
    assert same and shop.ordered == ["2", "2"]
    assert [effect.call.name for effect in run.tape.effects].count("mcp_shop:order") == 1


def test_a_server_that_cannot_be_started_says_so_as_ever(shop):
    shop.command = "no-such-program"

    def fails():
        with pytest.raises(FileNotFoundError) as told:
            bounded(by_session, shop)
        return str(told.value)

    bare = fails()
    with tracefork.record():
        assert fails() == bare
