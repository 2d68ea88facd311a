"""Each of our own adapters keeps the transports' contract."""

from __future__ import annotations

from contextlib import asynccontextmanager, closing, contextmanager, nullcontext

import httpx
import pytest

from tracefork.testing import TransportTests
from tracefork.transports import httpx as ours

CREDENTIALS = {"aws_access_key_id": "AKIDNOTREAL", "aws_secret_access_key": "not-a-real-secret"}
ALL = frozenset({"sync", "async", "streams", "faults", "cancellation", "secrets"})


class HttpxTests(TransportTests):
    """An adapter of httpx or of what speaks as it does."""

    abilities = ALL
    lib, adapter = httpx, ours

    @contextmanager
    def opened(self, run, url, body):
        how = {"transport": self.adapter.Transport(run)} if run else {}
        with self.lib.Client(**how) as client, client.stream("POST", url, content=body) as response:
            yield response.status_code, response.iter_raw()

    @asynccontextmanager
    async def aopened(self, run, url, body):
        how = {"transport": self.adapter.AsyncTransport(run)} if run else {}
        async with (
            self.lib.AsyncClient(**how) as client,
            client.stream("POST", url, content=body) as response,
        ):
            yield response.status_code, response.aiter_raw()


class TestHttpx(HttpxTests):
    pass


class TestHttpx2(HttpxTests):
    lib = pytest.importorskip("httpx2")

    @property
    def adapter(self):
        from tracefork.transports import httpx2

        return httpx2


class TestAiohttp(TransportTests):
    lib = pytest.importorskip("aiohttp")
    abilities = ALL - {"sync"}
    intercepts = True

    @asynccontextmanager
    async def aopened(self, run, url, body):
        async with self.lib.ClientSession() as client, client.post(url, data=body) as response:
            yield response.status, response.content.iter_any()


class TestBotocore(TransportTests):
    """Bedrock's InvokeModel, which posts any bytes and streams what comes back."""

    pytestmark = pytest.mark.sdk
    abilities = frozenset({"sync", "streams", "faults", "secrets"})

    @contextmanager
    def opened(self, run, url, body):
        boto3, config = pytest.importorskip("boto3"), pytest.importorskip("botocore.config")
        once = config.Config(retries={"total_max_attempts": 1})
        client = boto3.client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=once, **CREDENTIALS
        )
        bodies = []
        keep = bodies.append
        client.meta.events.register(
            "before-parse", lambda response_dict, **_: bodies.append(response_dict["body"])
        )
        attach = pytest.importorskip("tracefork.transports.botocore").attach
        with attach(client, run) if run else nullcontext(), closing(client):
            try:
                answer = client.invoke_model(modelId="m", body=body)
            except client.exceptions.ClientError as error:
                yield error.response["ResponseMetadata"]["HTTPStatusCode"], iter(bodies)
            else:
                with closing(answer["body"]) as stream:
                    yield 200, stream._raw_stream.stream()
