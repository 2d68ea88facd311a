"""Edits under the vendors' SDKs: a loopback server gets the edited request, and the branch is followed."""

from __future__ import annotations

import asyncio
import json

import pytest

import tracefork
from tracefork.edits import Model, SystemPrompt, Temperature, Tools
from tracefork.errors import EditRefused
from tracefork.providers import anthropic as anthropic_says
from tracefork.providers import gemini as gemini_says
from tracefork.providers import openai as openai_says
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

EDITS = [
    Model("small"),
    SystemPrompt("Ask before you book."),
    Temperature(0.5),
    Tools({"book": "Books a seat."}),
]
KEY = "not-a-real-key"
TURNS = 3


def asked(n, said):
    return [{"role": "user", "content": f"question {n} after {' '.join(said)}"}]


def anthropic_create(url):
    with pytest.importorskip("anthropic").Anthropic(api_key=KEY, base_url=url) as client:
        return turns(lambda messages: client.messages.create(**anthropic_asks(messages)).content[0].text)


def anthropic_stream(url):
    def ask(messages):
        with client.messages.stream(**anthropic_asks(messages)) as stream:
            return stream.get_final_text()

    with pytest.importorskip("anthropic").Anthropic(api_key=KEY, base_url=url) as client:
        return turns(ask)


def anthropic_async(url):
    sdk = pytest.importorskip("anthropic")

    async def strand(client, name):
        said = [name]
        for n in range(TURNS):
            message = await client.messages.create(**anthropic_asks(asked(n, said)))
            said.append(message.content[0].text)
        return said

    async def main():
        async with sdk.AsyncAnthropic(api_key=KEY, base_url=url) as client:
            return await asyncio.gather(*(strand(client, name) for name in "ab"))

    return asyncio.run(main())


def anthropic_asks(messages):
    tools = [{"name": "book", "description": "Books.", "input_schema": {"type": "object"}}]
    return {"model": "big", "max_tokens": 9, "messages": messages, "tools": tools}


def chat_create(url):
    def ask(messages):
        done = client.chat.completions.create(model="big", messages=messages, tools=FUNCTIONS)
        return done.choices[0].message.content

    with pytest.importorskip("openai").OpenAI(api_key=KEY, base_url=f"{url}/v1") as client:
        return turns(ask)


def chat_stream(url):
    def ask(messages):
        events = client.chat.completions.create(model="big", messages=messages, tools=FUNCTIONS, stream=True)
        return "".join(e.choices[0].delta.content or "" for e in events if e.choices)

    with pytest.importorskip("openai").OpenAI(api_key=KEY, base_url=f"{url}/v1") as client:
        return turns(ask)


FUNCTIONS = [{"type": "function", "function": {"name": "book", "description": "Books.", "parameters": {}}}]


def responses_create(url):
    def ask(messages):
        tools = [{"type": "function", "name": "book", "description": "Books.", "parameters": {}}]
        return client.responses.create(model="big", input=messages, tools=tools).output_text

    with pytest.importorskip("openai").OpenAI(api_key=KEY, base_url=f"{url}/v1") as client:
        return turns(ask)


def azure_create(url):
    def ask(messages):
        done = client.chat.completions.create(model="big", messages=messages, tools=FUNCTIONS)
        return done.choices[0].message.content

    sdk = pytest.importorskip("openai")
    with sdk.AzureOpenAI(api_key=KEY, azure_endpoint=url, api_version="2024-10-21") as client:
        return turns(ask)


def gemini_create(url):
    return turns_of_gemini(url, lambda models, **asks: models.generate_content(**asks).text)


def gemini_stream(url):
    def ask(models, **asks):
        return "".join(event.text or "" for event in models.generate_content_stream(**asks))

    return turns_of_gemini(url, ask)


def turns_of_gemini(url, ask):
    genai = pytest.importorskip("google.genai")
    declared = {"function_declarations": [{"name": "book", "description": "Books."}]}
    config = {"tools": [declared], "automatic_function_calling": {"disable": True}}
    with genai.Client(api_key=KEY, http_options={"base_url": url}) as client:
        return turns(
            lambda messages: ask(client.models, model="big", contents=messages[0]["content"], config=config)
        )


def turns(ask):
    said = []
    for n in range(TURNS):
        said.append(ask(asked(n, said)))
    return said


def answer(request):
    said = str(len(request.body))
    if "/messages" in request.url or "/model/" in request.url:
        return anthropic_says.text(said)(request)
    if "enerateContent" in request.url:
        return gemini_says.text(said)(request)
    return openai_says.text(said)(request)


AGENTS = [
    anthropic_create,
    anthropic_stream,
    anthropic_async,
    chat_create,
    chat_stream,
    responses_create,
    azure_create,
    gemini_create,
    gemini_stream,
]


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.__name__)
def test_what_an_sdk_asks_is_edited_and_the_branch_is_followed(agent):
    with LoopbackServer(by_rule(answer)) as server:
        url = server.url
        with tracefork.record() as run:
            agent(url)
        plain = len(server.requests)
        with tracefork.fork(run.tape, 1, edits=EDITS) as branch:
            said = agent(url)
        sent = server.requests[plain:]
    assert server.errors == ()
    verdict = tracefork.verify(branch.tape, lambda: agent(url))
    with tracefork.resume(branch.tape) as resumed:
        again = agent(url)

    assert len(sent) == branch.forwarded > 0
    for request in sent:
        shown = request.url + request.body.decode()
        assert all(text in shown for text in ("small", "Ask before you book.", "0.5", "Books a seat."))
        assert "/big" not in shown
        assert '"big"' not in shown or "/deployments/small/" in shown
    assert verdict.ok, verdict
    assert (again, resumed.forwarded) == (said, 0)


def test_azures_model_is_edited_in_its_url_and_in_its_body():
    with LoopbackServer(by_rule(answer)) as server:
        with tracefork.record(edits=[Model("small")]):
            azure_create(server.url)

    for request in server.requests:
        assert "/deployments/small/" in request.url
        assert json.loads(request.body).get("model", "small") == "small"


def test_anthropics_client_for_bedrock_signs_before_it_can_be_edited_and_that_is_said():
    sdk = pytest.importorskip("anthropic")
    pytest.importorskip("boto3")

    def agent(model):
        with sdk.AnthropicBedrock(
            aws_access_key="AKIDNOTREAL", aws_secret_key="not-a-real-secret", aws_region="us-east-1",
            base_url=server.url, max_retries=0,
        ) as client:  # fmt: skip
            client.messages.create(model=model, max_tokens=9, messages=asked(0, []))

    with LoopbackServer(by_rule(answer)) as server:
        with pytest.raises(EditRefused, match="signed"), tracefork.record(edits=[Model("anthropic.small")]):
            agent("anthropic.big")
        refused = len(server.requests)
        with tracefork.record(edits=[Model("anthropic.small")]):
            agent("anthropic.small")

    assert (refused, len(server.requests)) == (0, 1)
