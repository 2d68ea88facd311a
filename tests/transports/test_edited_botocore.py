"""Edits under botocore: what is edited is signed anew, so that the server can check it."""

from __future__ import annotations

import json

import pytest
from vendors import ran

import tracefork
from tracefork.edits import Model, Set, SystemPrompt, Temperature, Tools
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

boto3 = pytest.importorskip("boto3")
pytestmark = pytest.mark.sdk

from transports import test_botocore as bare  # noqa: E402

from tracefork.transports.botocore import attach  # noqa: E402

EDITS = [Model("us.small:1"), SystemPrompt("Ask first."), Temperature(0), Tools({"book": "Books a seat."})]
TOOLS = {"tools": [{"toolSpec": {"name": "book", "description": "B.", "inputSchema": {"json": {}}}}]}


@pytest.fixture(autouse=True)
def _closed():
    yield
    while bare.CLIENTS:
        bare.CLIENTS.pop().close()


def converse(client, n):
    messages = [{"role": "user", "content": [{"text": f"question {n}"}]}]
    return client.converse(modelId="big", messages=messages, toolConfig=TOOLS)["stopReason"]


def converse_stream(client, n):
    messages = [{"role": "user", "content": [{"text": f"question {n}"}]}]
    return list(client.converse_stream(modelId="big", messages=messages, toolConfig=TOOLS)["stream"])


def invoke(client, n):
    tools = [{"name": "book", "description": "B.", "input_schema": {}}]
    asked = {
        "anthropic_version": "bedrock-2023-05-31",
        "messages": [{"role": "user", "content": str(n)}],
        "tools": tools,
    }
    return client.invoke_model(modelId="anthropic.big", body=json.dumps(asked))["body"].read()


@pytest.mark.parametrize("ask", [converse, converse_stream, invoke], ids=lambda ask: ask.__name__)
def test_what_bedrock_is_asked_is_edited_and_signed_anew_and_the_branch_is_followed(ask):
    def agent():
        client = bare.made(url)
        with attach(client):
            return [ask(client, n) for n in range(3)]

    with LoopbackServer(by_rule(bare.answer)) as server:
        url = server.url
        with tracefork.record() as run:
            agent()
        with tracefork.fork(run.tape, 1, edits=EDITS) as branch:
            said = agent()
        sent = server.requests[3:]
    verdict = tracefork.verify(branch.tape, agent)
    with tracefork.resume(branch.tape) as resumed:
        again = ran(agent())

    assert len(sent) == 2
    for request in sent:
        assert "/model/us.small%3A1/" in request.url
        assert all(text in request.body.decode() for text in ("Ask first.", '"temperature"', "Books a seat."))
        assert bare.signed_anew(request) == dict(request.headers)["Authorization"]
        assert dict(request.headers)["Content-Length"] == str(len(request.body))
    assert verdict.ok, verdict
    assert (again, resumed.forwarded) == (said, 0)


def test_an_edit_that_changes_nothing_leaves_the_signature_as_it_was():
    def agent():
        client = bare.made(url)
        with attach(client):
            bare.invoke(client)

    with LoopbackServer(by_rule(bare.answer)) as server:
        url = server.url
        with tracefork.record(edits=[Set("$.prompt", "hi")]) as run:
            agent()

    assert bare.signed_anew(server.requests[0]) == dict(server.requests[0].headers)["Authorization"]
    assert tracefork.verify(run.tape, agent).ok
