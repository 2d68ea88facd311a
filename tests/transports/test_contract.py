"""Each of our own adapters keeps the transports' contract."""

from __future__ import annotations

from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from functools import partial
from http.client import HTTPConnection
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

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


class BotocoreTests(TransportTests):
    """Bedrock's InvokeModel, which posts any bytes and streams what comes back."""

    pytestmark = pytest.mark.sdk
    abilities = frozenset({"sync", "streams", "faults", "secrets"})

    def attached(self, client, run):
        return nullcontext()

    @contextmanager
    def opened(self, run, url, body):
        boto3, config = pytest.importorskip("boto3"), pytest.importorskip("botocore.config")
        once = config.Config(retries={"total_max_attempts": 1})
        client = boto3.client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=once, **CREDENTIALS
        )
        bodies = []
        client.meta.events.register(
            "before-parse", lambda response_dict, **_: bodies.append(response_dict["body"])
        )
        with self.attached(client, run), closing(client):
            try:
                answer = client.invoke_model(modelId="m", body=body)
            except client.exceptions.ClientError as error:
                yield error.response["ResponseMetadata"]["HTTPStatusCode"], iter(bodies)
            else:
                with closing(answer["body"]) as stream:
                    yield 200, stream._raw_stream.stream()


class TestBotocore(BotocoreTests):
    intercepts = True


class TestAttachedBotocore(BotocoreTests):
    def attached(self, client, run):
        attach = pytest.importorskip("tracefork.transports.botocore").attach
        return attach(client, run) if run else nullcontext()


class Urllib3Tests(TransportTests):
    """Unmodified clients that stand on urllib3: met where a run is in progress."""

    abilities = frozenset({"sync", "streams", "faults", "secrets"})
    intercepts = True


class TestUrllib3(Urllib3Tests):
    @contextmanager
    def opened(self, run, url, body):
        import urllib3

        with urllib3.PoolManager(retries=False) as pool:
            response = pool.request("POST", url, body=body, preload_content=False)
            with closing(response):
                yield response.status, response.stream()


class TestRequests(Urllib3Tests):
    @contextmanager
    def opened(self, run, url, body):
        requests = pytest.importorskip("requests")
        with requests.Session() as session:
            session.trust_env = False
            with session.post(url, data=body, stream=True) as response:
                yield response.status_code, response.iter_content(None)


class TestHttpClient(TransportTests):
    abilities = frozenset({"sync", "streams", "faults", "secrets"})
    intercepts = True

    @contextmanager
    def opened(self, run, url, body):
        parts = urlsplit(url)
        with closing(HTTPConnection(parts.hostname, parts.port)) as conn:
            conn.request("POST", parts._replace(scheme="", netloc="").geturl(), body)
            with conn.getresponse() as response:
                yield response.status, iter(partial(response.read1, 2**16), b"")


class TestUrllibRequest(TransportTests):
    abilities = frozenset({"sync", "streams", "faults", "secrets"})
    intercepts = True

    @contextmanager
    def opened(self, run, url, body):
        try:
            response = urlopen(Request(url, body, method="POST"))
        except HTTPError as error:
            response = error
        with response:
            yield response.status, iter(partial(response.read1, 2**16), b"")
