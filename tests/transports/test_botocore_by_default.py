"""Clients of botocore that nobody attached: met once, and signed; their credentials are none of the run's."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

import tracefork
from tracefork import Response
from tracefork.edits import Model
from tracefork.errors import Divergence
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

boto3 = pytest.importorskip("boto3")
pytestmark = [pytest.mark.sdk, pytest.mark.slow]

import botocore.session  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import NoCredentialsError  # noqa: E402

from tracefork.transports.botocore import attach  # noqa: E402

KEYS = {"aws_access_key_id": "AKIDNOTREAL", "aws_secret_access_key": "not-a-real-secret"}


def made(url, session=boto3, retries=0, **keys):
    config = Config(retries={"total_max_attempts": retries + 1, "mode": "standard"}, connect_timeout=2)
    return session.client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config, **(keys or KEYS)
    )


def without_keys(url, session=None):
    made = boto3.Session(botocore_session=session or botocore.session.Session())
    return made.client("bedrock-runtime", region_name="us-east-1", endpoint_url=url)


def ask(client, body=b'{"prompt": "hi"}', model="m"):
    return client.invoke_model(modelId=model, body=body)["body"].read()


@pytest.fixture
def server():
    said = (("content-type", "application/json"),)
    with LoopbackServer(by_rule(lambda request: Response(200, said, (request.body,)))) as server:
        yield server


def test_a_client_that_was_built_before_the_run_is_recorded_and_afterwards_is_as_it_was(server):
    with closing(made(server.url)) as client:
        handlers = client.meta.events._emitter._handlers
        with tracefork.record() as run:
            ask(client)
        ask(client)

        assert client.meta.events._emitter._handlers is handlers
    assert len(run.tape) == 1 and len(server.requests) == 2


def test_what_is_attached_is_recorded_once(server):
    with closing(made(server.url)) as client, tracefork.record() as run:
        with attach(client), attach(client):
            ask(client)
        ask(client)

    assert len(run.tape) == len(server.requests) == 2 and run.tape.escaped == ()


def test_each_retry_is_an_exchange_and_a_replay_has_them_all():
    busy = by_rule(lambda _: Response(503, (("content-type", "application/json"),), (b"{}",)))

    def agent():
        with closing(made(url, retries=2)) as client, pytest.raises(client.exceptions.ClientError):
            ask(client)

    with LoopbackServer(busy) as server:
        url = server.url
        with tracefork.record() as run:
            agent()
    with tracefork.replay(run.tape) as again:
        agent()

    assert len(run.tape) == 3 and again.tape.digest() == run.tape.digest()


def test_an_edited_request_is_signed_as_it_leaves(server):
    with tracefork.record(edits=Model("other")) as run, closing(made(server.url)) as client:
        ask(client)
    sent = server.requests[0]

    assert "/model/other/" in sent.url and "/model/other/" in run.tape[0].request.url
    assert dict(sent.headers)["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDNOTREAL/")


def test_threads_that_share_a_client_are_recorded_once_each(server):
    with closing(made(server.url)) as client, tracefork.record() as run:
        threads = [threading.Thread(target=ask, args=(client, b'{"n": %d}' % n)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(step.request.body for step in run.tape) == [b'{"n": %d}' % n for n in range(6)]


def test_in_a_tool_a_model_is_overheard_once(server):
    with closing(made(server.url)) as client:
        with tracefork.record() as run:
            run.call("tool", lambda: ask(client, model="anthropic.claude").decode())
        with tracefork.record() as attached, attach(client):
            attached.call("tool", lambda: ask(client, model="anthropic.claude").decode())

    assert run.asked_in_tools == attached.asked_in_tools == {"tool": 1}
    assert len(run.tape) == len(attached.tape) == 0


def test_what_answers_within_the_process_is_not_asked_of_the_run(server):
    """As moto does, by the event of botocore's own."""

    def answer(request, **_):
        from botocore.awsrequest import AWSResponse

        mocked.append(request.url)
        return AWSResponse(request.url, 200, {}, Raw(b"{}"))

    mocked = []
    with closing(made(server.url)) as client, tracefork.record() as run:
        client.meta.events.register("before-send", answer)
        assert ask(client) == b"{}"

    assert len(mocked) == 1 and len(run.tape) == 0 and server.requests == ()


class Raw:
    def __init__(self, content):
        self.content = content

    def read(self, *_):
        content, self.content = self.content, b""
        return content

    def stream(self, *_, **__):
        yield self.content


def test_another_question_diverges_and_is_not_retried(server):
    with closing(made(server.url, retries=3)) as client:
        with tracefork.record() as run:
            ask(client)
        with pytest.raises(Divergence), tracefork.replay(run.tape):
            ask(client, b'{"prompt": "something else"}')

    assert len(server.requests) == 1


def test_what_s3_transfers_in_parts_is_recorded_and_transferred_again(tmp_path):
    """By threads of its own, bodies that are files, and heads that are waited for."""

    def rule(asked):
        if "uploads" in asked.url:
            return Response(200, (), (b"<x><UploadId>u</UploadId></x>",))
        if asked.method == "PUT":
            return Response(200, (("ETag", '"e"'), ("content-length", "0")))
        return Response(200, (), (b"<x><ETag>e</ETag></x>",))

    def agent():
        keys = {"region_name": "us-east-1", "endpoint_url": url, **KEYS}
        once = Config(
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
            s3={"addressing_style": "path"},
        )
        with closing(boto3.client("s3", config=once, **keys)) as client:
            parts = TransferConfig(
                multipart_threshold=2**20, multipart_chunksize=5 * 2**20, max_concurrency=2
            )
            client.upload_file(str(tmp_path / "big"), "bucket", "key", Config=parts)

    from boto3.s3.transfer import TransferConfig

    (tmp_path / "big").write_bytes(b"0123456789abcdef" * 2**16 * 11)
    with LoopbackServer(by_rule(rule)) as server:
        url = server.url
        with tracefork.record() as run:
            agent()
        sent = sorted(len(one.body) for one in server.requests if one.method == "PUT")
    with tracefork.replay(run.tape) as again:
        agent()

    assert sent == [2**20, 5 * 2**20, 5 * 2**20] and len(run.tape) == 5 and run.tape.escaped == ()
    assert again.tape.digest() == run.tape.digest()


# -- credentials ----------------------------------------------------------------------------------


@pytest.fixture
def metadata(monkeypatch, tmp_path):
    """An instance's metadata service, and no credentials elsewhere."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    until = (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    keys = {"AccessKeyId": "AKIDOFTHEROLE", "SecretAccessKey": "of-the-role", "Token": "of-the-role"}
    told = json.dumps({"Code": "Success", **keys, "Expiration": until}).encode()

    def rule(asked):
        if asked.method == "PUT":
            return Response(200, (), (b"a-token",))
        return Response(200, (), (told if asked.url.endswith("/role") else b"role",))

    with LoopbackServer(by_rule(rule)) as service:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.url)
        yield service


def test_credentials_are_looked_up_live_and_are_on_no_tape(metadata, server):
    with tracefork.record(strict=True) as run:
        with closing(without_keys(server.url)) as c:
            ask(c)

    assert len(metadata.requests) == 3 and len(run.tape) == 1 and run.tape.escaped == ()
    assert b"of-the-role" not in tracefork.dumps(run.tape)
    assert "AKIDOFTHEROLE" in dict(server.requests[0].headers)["Authorization"]


def test_a_replay_looks_up_no_credentials_and_needs_none(metadata, server):
    def agent():
        with closing(without_keys(server.url)) as c:
            return ask(c)

    with tracefork.record() as run:
        live = agent()
    asked = len(metadata.requests)
    with tracefork.replay(run.tape) as again:
        assert agent() == live

    assert again.tape.digest() == run.tape.digest() and again.refused == ()
    assert len(metadata.requests) == asked and len(server.requests) == 1


def test_a_fork_looks_them_up_though_it_begins_with_a_replay(metadata, server):
    def agent():
        with closing(without_keys(server.url)) as client:
            return ask(client), ask(client, b'{"n": 2}')

    with tracefork.record() as run:
        agent()
    asked = len(metadata.requests)
    with tracefork.fork(run.tape, 0, lambda step: step.response.with_body(b"UNO")):
        assert agent() == (b"UNO", b'{"n": 2}')

    assert len(metadata.requests) == 2 * asked and len(server.requests) == 3
    assert "AKIDOFTHEROLE" in dict(server.requests[-1].headers)["Authorization"]


def test_credentials_that_have_run_out_are_renewed_live_and_not_in_a_replay(metadata, server):
    from botocore.credentials import RefreshableCredentials

    renewed = []

    def renew():
        renewed.append(ask)
        return {
            "access_key": "NEW",
            "secret_key": "new",
            "token": "new",
            "expiry_time": (datetime.now(UTC) + timedelta(hours=6)).isoformat(),
        }

    def client_of(expiry):
        session = botocore.session.Session()
        session._credentials = RefreshableCredentials("OLD", "old", "old", expiry, renew, "test")
        return without_keys(server.url, session)

    old = datetime(2020, 1, 1, tzinfo=UTC)
    with tracefork.record() as run, closing(client_of(old)) as client:
        ask(client)
    assert len(renewed) == 1
    with tracefork.replay(run.tape) as again, closing(client_of(old)) as client:
        ask(client)

    assert len(renewed) == 1 and again.tape.digest() == run.tape.digest()


def test_without_credentials_a_recording_fails_as_ever(metadata, server, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with tracefork.record() as run:
        with closing(without_keys(server.url)) as c:
            with pytest.raises(NoCredentialsError):
                ask(c)

    assert len(run.tape) == 0 and server.requests == ()
