"""The agent on vendors' SDKs, and on bare httpx: the loop of tools is its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from inspect import isawaitable
from typing import Any

from benchmarks.rerun.agents import Framework, Kit, Say, Tool
from benchmarks.rerun.model import World

KEY = "not-a-real-key"
SCHEMA = {"type": "object", "properties": {"about": {"type": "string"}}, "required": ["about"]}
Open = Callable[[str, World], AbstractAsyncContextManager[Any]]


async def awaited(thing: Any) -> Any:
    """What a call of a client gives, be it synchronous or not."""
    return await thing if isawaitable(thing) else thing


def in_loop() -> bool:
    """Whether the agent's clients are to be awaited."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def opened(make: Callable[[str], Any]) -> Open:
    """Return what opens the client of `make`, a context manager of either kind."""

    @asynccontextmanager
    async def open_client(url: str, _: World) -> AsyncIterator[Any]:
        client = make(url)
        if in_loop():
            async with client as entered:
                yield entered
        else:
            with client as entered:
                yield entered

    return open_client


def used(tools: tuple[Tool, ...], name: str, arguments: Any) -> str:
    """What tool `name` returns."""
    given = json.loads(arguments) if isinstance(arguments, str) else arguments
    return next(tool for tool in tools if tool.__name__ == name)(given["about"])


def functions(kit: Kit) -> list[dict[str, Any]]:
    """The tools as OpenAI has them, and who followed."""
    return [
        {
            "type": "function",
            "function": {"name": tool.__name__, "description": tool.__doc__, "parameters": SCHEMA},
        }
        for tool in kit.tools
    ]


# -- Anthropic ---------------------------------------------------------------------------


def anthropic_asks(kit: Kit, messages: list[Any]) -> dict[str, Any]:
    tools = [
        {"name": tool.__name__, "description": tool.__doc__, "input_schema": SCHEMA} for tool in kit.tools
    ]
    asks = {"model": kit.model, "max_tokens": 99, "system": kit.system, "messages": messages}
    return {**asks, "tools": tools} if tools else asks


def anthropic_talk(ask: Callable[[Any, dict[str, Any]], Awaitable[list[dict[str, Any]]]]) -> Any:
    """A conversation whose answers, as content blocks, `ask` gets from a client."""

    def talk(client: Any, kit: Kit) -> Say:
        messages: list[Any] = []

        async def say(text: str) -> str:
            messages.append({"role": "user", "content": text})
            while True:
                content = await ask(client, anthropic_asks(kit, messages))
                messages.append({"role": "assistant", "content": content})
                calls = [block for block in content if block["type"] == "tool_use"]
                if not calls:
                    return str(content[0]["text"])
                results = [
                    {
                        "type": "tool_result",
                        "tool_use_id": call["id"],
                        "content": used(kit.tools, call["name"], call["input"]),
                    }
                    for call in calls
                ]
                messages.append({"role": "user", "content": results})

        return say

    return talk


async def _anthropic_create(client: Any, asks: dict[str, Any]) -> list[dict[str, Any]]:
    message = await awaited(client.messages.create(**asks))
    return [_block(block) for block in message.content]


async def _anthropic_stream(client: Any, asks: dict[str, Any]) -> list[dict[str, Any]]:
    manager = client.messages.stream(**asks)
    if hasattr(manager, "__aenter__"):
        async with manager as stream:
            message = await stream.get_final_message()
    else:
        with manager as stream:
            message = stream.get_final_message()
    return [_block(block) for block in message.content]


def _block(block: Any) -> dict[str, Any]:
    if block.type == "tool_use":
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
    return {"type": "text", "text": block.text}


def _anthropic(prefix: str) -> Open:
    def make(url: str) -> Any:
        import anthropic

        return getattr(anthropic, f"{prefix}Anthropic")(api_key=KEY, base_url=url)

    return opened(make)


async def _httpx_post(client: Any, asks: dict[str, Any]) -> list[dict[str, Any]]:
    response = await awaited(client.post("/v1/messages", json=asks))
    return list(response.json()["content"])


def _httpx(library: str, name: str) -> Open:
    def make(url: str) -> Any:
        from importlib import import_module

        return getattr(import_module(library), name)(base_url=url)

    return opened(make)


# -- OpenAI, Groq, Mistral -----------------------------------------------------------------


def chat_talk(ask: Callable[[Any, dict[str, Any]], Awaitable[dict[str, Any]]]) -> Any:
    """A conversation whose answers, as messages, `ask` gets from a client."""

    def talk(client: Any, kit: Kit) -> Say:
        messages: list[Any] = [{"role": "system", "content": kit.system}]

        async def say(text: str) -> str:
            messages.append({"role": "user", "content": text})
            while True:
                asks: dict[str, Any] = {"model": kit.model, "messages": messages}
                message = await ask(client, {**asks, "tools": functions(kit)} if kit.tools else asks)
                messages.append(message)
                if not message.get("tool_calls"):
                    return str(message["content"])
                for call in message["tool_calls"]:
                    function = call["function"]
                    content = used(kit.tools, function["name"], function["arguments"])
                    messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})

        return say

    return talk


def _message(content: str | None, calls: list[tuple[str, str, str]]) -> dict[str, Any]:
    if not calls:
        return {"role": "assistant", "content": content}
    made = [
        {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call, name, arguments in calls
    ]
    return {"role": "assistant", "content": content, "tool_calls": made}


async def _chat_create(client: Any, asks: dict[str, Any]) -> dict[str, Any]:
    done = await awaited(client.chat.completions.create(**asks))
    said = done.choices[0].message
    calls = [(call.id, call.function.name, call.function.arguments) for call in said.tool_calls or ()]
    return _message(said.content, calls)


async def _chat_stream(client: Any, asks: dict[str, Any]) -> dict[str, Any]:
    events = await awaited(client.chat.completions.create(**asks, stream=True))
    text, calls = "", dict[int, list[str]]()
    async for event in _each(events):
        for choice in event.choices:
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or ():
                known = calls.setdefault(call.index, ["", "", ""])
                known[0] += call.id or ""
                known[1] += call.function.name or ""
                known[2] += call.function.arguments or ""
    return _message(text or None, [(one[0], one[1], one[2]) for one in calls.values()])


async def _each(events: Any) -> AsyncIterator[Any]:
    if hasattr(events, "__aiter__"):
        async for event in events:
            yield event
    else:
        for event in events:
            yield event


def _openai(prefix: str) -> Open:
    def make(url: str) -> Any:
        import openai

        return getattr(openai, f"{prefix}OpenAI")(api_key=KEY, base_url=f"{url}/v1")

    return opened(make)


def _groq(url: str) -> Any:
    import groq

    return groq.Groq(api_key=KEY, base_url=url)


def responses_talk(client: Any, kit: Kit) -> Say:
    """A conversation by OpenAI's Responses API, which carries all that it is about."""
    items: list[Any] = []
    tools = [
        {"type": "function", "name": tool.__name__, "description": tool.__doc__, "parameters": SCHEMA}
        for tool in kit.tools
    ]

    async def say(text: str) -> str:
        items.append({"role": "user", "content": text})
        while True:
            asks: dict[str, Any] = {"model": kit.model, "instructions": kit.system, "input": items}
            done = await awaited(client.responses.create(**asks, **({"tools": tools} if tools else {})))
            calls = [item for item in done.output if item.type == "function_call"]
            if not calls:
                items.append({"role": "assistant", "content": done.output_text})
                return str(done.output_text)
            for call in calls:
                function = {"name": call.name, "arguments": call.arguments}
                items.append({"type": "function_call", "call_id": call.call_id, **function})
                output = used(kit.tools, call.name, call.arguments)
                items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})

    return say


async def _mistral_complete(client: Any, asks: dict[str, Any]) -> dict[str, Any]:
    done = await awaited((client.chat.complete_async if in_loop() else client.chat.complete)(**asks))
    said = done.choices[0].message
    calls = [(call.id, call.function.name, call.function.arguments) for call in said.tool_calls or ()]
    return _message(said.content or None, calls)


@asynccontextmanager
async def _mistral(url: str, _: World) -> AsyncIterator[Any]:
    from mistralai.client import Mistral

    with Mistral(api_key=KEY, server_url=url) as client:
        yield client


# -- Cohere, Ollama, Gemini, Bedrock ---------------------------------------------------------


async def _cohere_chat(client: Any, asks: dict[str, Any]) -> dict[str, Any]:
    said = (await awaited(client.chat(**asks))).message
    if said.tool_calls:
        calls = [(call.id, call.function.name, call.function.arguments) for call in said.tool_calls]
        message = _message(None, calls)
        return {**{k: v for k, v in message.items() if k != "content"}, "tool_plan": said.tool_plan}
    return _message(said.content[0].text, [])


def _cohere(name: str) -> Open:
    def make(url: str) -> Any:
        import cohere

        return getattr(cohere, name)(api_key=KEY, base_url=url)

    return opened(make)


async def _ollama_chat(client: Any, asks: dict[str, Any]) -> dict[str, Any]:
    said = (await awaited(client.chat(**asks))).message
    if not said.tool_calls:
        return {"role": "assistant", "content": said.content}
    calls = [
        {"id": "", "function": {"name": call.function.name, "arguments": dict(call.function.arguments)}}
        for call in said.tool_calls
    ]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def ollama_talk(client: Any, kit: Kit) -> Say:
    """As OpenAI's, whose calls have no ids."""

    async def ask(client: Any, asks: dict[str, Any]) -> dict[str, Any]:
        messages = [{k: v for k, v in one.items() if k != "tool_call_id"} for one in asks["messages"]]
        for one in messages:
            if calls := one.get("tool_calls"):
                one["tool_calls"] = [{"function": call["function"]} for call in calls]
        return await _ollama_chat(client, {**asks, "messages": messages})

    return chat_talk(ask)(client, kit)  # type: ignore[no-any-return]


def _ollama(name: str) -> Open:
    def make(url: str) -> Any:
        import ollama

        return getattr(ollama, name)(host=url)

    return opened(make)


@asynccontextmanager
async def _genai(url: str, _: World) -> AsyncIterator[Any]:
    from google.genai import Client
    from google.genai.types import HttpOptions

    with Client(api_key=KEY, http_options=HttpOptions(base_url=url)) as client:
        yield client


@asynccontextmanager
async def _genai_async(url: str, _: World) -> AsyncIterator[Any]:
    import httpx2
    from google.genai import Client
    from google.genai.types import HttpOptions

    async with httpx2.AsyncClient() as http:
        options = HttpOptions(base_url=url, httpx_async_client=http)
        async with Client(api_key=KEY, http_options=options).aio as client:
            yield client


def genai_talk(client: Any, kit: Kit) -> Say:
    """A chat of Google's own, which calls Python functions by itself."""
    from google.genai.types import GenerateContentConfig

    config = GenerateContentConfig(system_instruction=kit.system, tools=list(kit.tools) or None)
    chat = client.chats.create(model=kit.model, config=config)

    async def say(text: str) -> str:
        return str((await awaited(chat.send_message(text))).text)

    return say


@asynccontextmanager
async def _bedrock(url: str, _: World) -> AsyncIterator[Any]:
    import boto3

    from tracefork.transports.botocore import attach

    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    with attach(client):
        yield client
    client.close()


def bedrock_talk(client: Any, kit: Kit) -> Say:
    """A conversation by Converse."""
    messages: list[Any] = []
    tools = [
        {
            "toolSpec": {
                "name": tool.__name__,
                "description": tool.__doc__,
                "inputSchema": {"json": SCHEMA},
            }
        }
        for tool in kit.tools
    ]

    async def say(text: str) -> str:
        messages.append({"role": "user", "content": [{"text": text}]})
        while True:
            asks = {"modelId": kit.model, "system": [{"text": kit.system}], "messages": messages}
            done = client.converse(**asks, **({"toolConfig": {"tools": tools}} if tools else {}))
            message = done["output"]["message"]
            messages.append(message)
            calls = [block["toolUse"] for block in message["content"] if "toolUse" in block]
            if not calls:
                return str(message["content"][0]["text"])
            results = [
                {
                    "toolResult": {
                        "toolUseId": call["toolUseId"],
                        "content": [{"text": used(kit.tools, call["name"], call["input"])}],
                    }
                }
                for call in calls
            ]
            messages.append({"role": "user", "content": results})

    return say


ONE, TASKS, THREADS = "one by one", "tasks", "threads"

SDKS = (
    Framework("httpx", ("httpx",), ONE, _httpx("httpx", "Client"), anthropic_talk(_httpx_post)),
    Framework("httpx", ("httpx",), THREADS, _httpx("httpx", "Client"), anthropic_talk(_httpx_post)),
    Framework("httpx", ("httpx",), TASKS, _httpx("httpx", "AsyncClient"), anthropic_talk(_httpx_post)),
    Framework(
        "httpx, sub-agents",
        ("httpx",),
        TASKS,
        _httpx("httpx", "AsyncClient"),
        anthropic_talk(_httpx_post),
        nested=True,
    ),
    Framework(
        "httpx, sub-agents",
        ("httpx",),
        THREADS,
        _httpx("httpx", "Client"),
        anthropic_talk(_httpx_post),
        nested=True,
    ),
    Framework("httpx2", ("httpx2",), TASKS, _httpx("httpx2", "AsyncClient"), anthropic_talk(_httpx_post)),
    Framework("anthropic", ("anthropic",), ONE, _anthropic(""), anthropic_talk(_anthropic_create)),
    Framework("anthropic", ("anthropic",), TASKS, _anthropic("Async"), anthropic_talk(_anthropic_create)),
    Framework(
        "anthropic, streams", ("anthropic",), THREADS, _anthropic(""), anthropic_talk(_anthropic_stream)
    ),
    Framework(
        "anthropic, streams", ("anthropic",), TASKS, _anthropic("Async"), anthropic_talk(_anthropic_stream)
    ),
    Framework("openai, chat", ("openai",), ONE, _openai(""), chat_talk(_chat_create)),
    Framework("openai, chat", ("openai",), THREADS, _openai(""), chat_talk(_chat_create)),
    Framework("openai, streams", ("openai",), TASKS, _openai("Async"), chat_talk(_chat_stream)),
    Framework("openai, Responses", ("openai",), ONE, _openai(""), responses_talk),
    Framework("openai, Responses", ("openai",), TASKS, _openai("Async"), responses_talk),
    Framework("groq", ("groq",), THREADS, opened(_groq), chat_talk(_chat_create)),
    Framework("mistralai", ("mistralai",), ONE, _mistral, chat_talk(_mistral_complete)),
    Framework("mistralai", ("mistralai",), TASKS, _mistral, chat_talk(_mistral_complete)),
    Framework("cohere", ("cohere",), ONE, _cohere("ClientV2"), chat_talk(_cohere_chat)),
    Framework("cohere", ("cohere",), TASKS, _cohere("AsyncClientV2"), chat_talk(_cohere_chat)),
    Framework("ollama", ("ollama",), THREADS, _ollama("Client"), ollama_talk),
    Framework("ollama", ("ollama",), TASKS, _ollama("AsyncClient"), ollama_talk),
    Framework("google-genai", ("google.genai",), ONE, _genai, genai_talk),
    Framework("google-genai", ("google.genai", "httpx2"), TASKS, _genai_async, genai_talk),
    Framework("boto3, Converse", ("boto3",), ONE, _bedrock, bedrock_talk),
    Framework("boto3, Converse", ("boto3",), THREADS, _bedrock, bedrock_talk),
)
