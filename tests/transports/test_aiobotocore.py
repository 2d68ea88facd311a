"""aiobotocore: its clients ask through aiohttp, and are recorded there."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from vendors import same_offline

from tracefork import Response
from tracefork.testing.scripted import by_rule

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.skipif(
        not find_spec("aiobotocore"), reason="aiobotocore wants a botocore of its own: it has an environment"
    ),
]

SAID = {
    "output": {"message": {"role": "assistant", "content": [{"text": "It left on Monday."}]}},
    "stopReason": "end_turn",
}


def bedrock(request):
    if request.url.endswith("/converse"):
        return Response(200, (("content-type", "application/json"),), (json.dumps(SAID).encode(),))
    return Response(200, (("content-type", "application/octet-stream"),), (b"any ", b"bytes"))


def client(url):
    from aiobotocore.session import get_session

    options = {"aws_access_key_id": "AKIDNOTREAL", "aws_secret_access_key": "not-a-real-secret"}
    return get_session().create_client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=url, **options
    )


async def converse(url):
    async with client(url) as bedrock:
        wish = {"role": "user", "content": [{"text": "Where is my order?"}]}
        said = await bedrock.converse(modelId="m", messages=[wish])
        return said["output"]


async def invoke(url):
    async with client(url) as bedrock:
        said = await bedrock.invoke_model(modelId="m", body=b"{}")
        async with said["body"] as stream:
            return await stream.read()


@pytest.mark.parametrize("agent", [converse, invoke], ids=lambda agent: agent.__name__)
def test_aiobotocore_gets_the_same_from_the_tape_with_the_server_gone(agent):
    tape = same_offline(by_rule(bedrock), agent)

    assert not tape.escaped
