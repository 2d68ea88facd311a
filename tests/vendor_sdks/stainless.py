"""The SDKs of OpenAI (Azure's and those that speak its language among them), Anthropic and Groq."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import cache
from urllib.parse import urlsplit

from .rows import KEY, Heard, events, finished, plain, run, typed


def send(row):
    """What the SDK makes of the answer to `row`; None if there is no verb for it."""
    in_loop = row.agent.startswith(("Async", "Agents", "agent-framework"))
    return run(_ask(row, in_loop), in_loop=in_loop)


async def _ask(row, in_loop):
    client = _make(row, in_loop)
    found = _find_verb(client, row)
    if found is None:
        return None
    resource, verb, given = found
    async with AsyncExitStack() as stack:
        stack.push_async_callback(lambda: finished(client.close()))
        by = type(client).__module__.partition(".")[0]
        if row.query and "api-version" not in row.query:
            given |= {"extra_query": row.query}
        try:
            if row.asks_stream:
                stream = await finished(getattr(resource, verb)(**given))
                status = stream.response.status_code
                return Heard(by, "a stream", status, await events(stream))
            raw = await finished(getattr(resource.with_raw_response, verb)(**given))
            parsed = await finished(raw.parse())
            return Heard(by, type(parsed).__name__, raw.status_code, [plain(parsed), raw.http_response.text])
        except Exception as error:
            return Heard(
                by, f"raises {type(error).__name__}", getattr(error, "status_code", None), str(error)
            )


def _make(row, in_loop):
    make = {True: "Async", False: ""}[in_loop]
    options = {"api_key": KEY, "max_retries": 0}
    host = urlsplit(row.url).netloc
    match row.provider:
        case "anthropic":
            import anthropic

            return getattr(anthropic, f"{make}Anthropic")(**options, http_client=_web("httpx2", in_loop))
        case "aws-bedrock":
            import anthropic

            keys = {"aws_access_key": "a", "aws_secret_key": "b", "aws_region": "us-east-1", "max_retries": 0}
            return getattr(anthropic, f"{make}AnthropicBedrock")(**keys, http_client=_web("httpx2", in_loop))
        case "groq":
            import groq

            return getattr(groq, f"{make}Groq")(**options, http_client=_web("httpx", in_loop))
        case "azure-openai":
            import openai

            return getattr(openai, f"{make}AzureOpenAI")(
                **options,
                api_version=row.query["api-version"],
                azure_endpoint=f"https://{host}",
                azure_deployment=row.parts[2],
                http_client=_web("httpx2", in_loop),
            )
    import openai

    first = row.parts[0]  # v1, or beta
    web = _web("httpx2" if row.number % 3 else "httpx", in_loop)  # it takes both
    return getattr(openai, f"{make}OpenAI")(**options, base_url=f"https://{host}/{first}", http_client=web)


def _web(name, in_loop):
    """A client of a library of HTTP, which makes no TLS context of its own: that takes most of the time."""
    library = __import__(name)
    return (library.AsyncClient if in_loop else library.Client)(verify=_context())


@cache
def _context():
    import ssl

    return ssl.create_default_context()


def _find_verb(client, row):
    """The resource of the SDK, its verb, and what it is given."""

    def on(resource, verb, *names, **more):
        return resource, verb, {**typed(getattr(resource, verb), row.json), **more}

    parts = row.parts[3:] if row.provider == "azure-openai" else row.parts[1:]
    parts = parts[1:] if parts[:1] == ["v1"] else parts
    if row.provider in ("anthropic", "aws-bedrock"):
        model = {"model": row.parts[1]} if row.provider == "aws-bedrock" else {}
        known = row.provider == "aws-bedrock" or parts == ["messages"]
        stream = {"stream": True} if row.provider == "aws-bedrock" and row.asks_stream else {}
        return on(client.messages, "create", timeout=30, **model, **stream) if known else None
    match [row.method.upper(), *parts]:
        case ["POST", "chat", "completions"]:
            return on(client.chat.completions, "create")
        case ["POST", "completions"]:
            return on(client.completions, "create")
        case ["POST", "responses"]:
            return on(client.responses, "create")
        case ["POST", "embeddings"]:
            return on(client.embeddings, "create")
        case ["POST", "images", "generations"]:
            return on(client.images, "generate")
        case ["POST", "assistants"]:
            return on(client.beta.assistants, "create")
        case ["GET", "assistants", name]:
            return on(client.beta.assistants, "retrieve", assistant_id=name)
        case ["POST", "threads"]:
            return on(client.beta.threads, "create")
        case ["POST", "threads", thread, "messages"]:
            return on(client.beta.threads.messages, "create", thread_id=thread)
        case ["GET", "threads", thread, "messages"]:
            return on(client.beta.threads.messages, "list", thread_id=thread)
        case ["POST", "threads", thread, "runs"]:
            return on(client.beta.threads.runs, "create", thread_id=thread)
        case ["GET", "threads", thread, "runs", name]:
            return on(client.beta.threads.runs, "retrieve", thread_id=thread, run_id=name)
        case ["POST", "threads", thread, "runs", name, "submit_tool_outputs"]:
            return on(client.beta.threads.runs, "submit_tool_outputs", thread_id=thread, run_id=name)
    return None
