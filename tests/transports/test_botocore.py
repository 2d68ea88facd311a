"""botocore over its adapter: recorded against a real server, replayed with the server gone, all equal."""

from __future__ import annotations

import asyncio
import json
import random
import re
import struct
from contextlib import closing
from zlib import crc32

import pytest

import tracefork
from tracefork import Fault, Response
from tracefork.errors import Divergence, Refused
from tracefork.testing.scripted import Script, by_rule
from tracefork.testing.server import LoopbackServer

boto3 = pytest.importorskip("boto3")
pytestmark = pytest.mark.sdk

import botocore.exceptions  # noqa: E402
import botocore.session  # noqa: E402
from botocore.config import Config  # noqa: E402

from tracefork.transports.botocore import attach  # noqa: E402

ASKED = [{"role": "user", "content": [{"text": "Where is my order?"}]}]
SAID = {
    "output": {"message": {"role": "assistant", "content": [{"text": "It left Lisbon."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 5, "outputTokens": 4, "totalTokens": 9},
    "metrics": {"latencyMs": 12},
}
JSON = ("Content-Type", "application/json")
EVENTS = ("Content-Type", "application/vnd.amazon.eventstream")
KEYS = {"aws_access_key_id": "AKIDNOTREAL", "aws_secret_access_key": "not-a-real-secret"}


def frame(name, payload, kind="event"):
    """One message of the event stream, as the specification has it."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    told = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    head = b"".join(
        struct.pack(">B", len(k)) + k.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode()
        for k, v in told.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(data), len(head))
    message = prelude + struct.pack(">I", crc32(prelude)) + head + data
    return message + struct.pack(">I", crc32(message))


CONVERSED = (
    frame("messageStart", {"role": "assistant"}),
    frame("contentBlockDelta", {"delta": {"text": "It left "}, "contentBlockIndex": 0}),
    frame("contentBlockDelta", {"delta": {"text": "Lisbon."}, "contentBlockIndex": 0}),
    frame("contentBlockStop", {"contentBlockIndex": 0}),
    frame("messageStop", {"stopReason": "end_turn"}),
    frame("metadata", {"usage": SAID["usage"], "metrics": {"latencyMs": 12}}),
)
INVOKED = tuple(frame("chunk", {"bytes": text}) for text in ("eyJhIjogMX0=", "eyJiIjogMn0="))


def said(tree, status=200, *more):
    body = json.dumps(tree).encode()
    return Response(status, (JSON, ("Content-Length", str(len(body))), *more), (body,))


def answer(request):
    """What Bedrock would say; two headers are of one name, and one is a secret."""
    more = (
        ("x-amzn-RequestId", "req-7"),
        ("Vary", "one"),
        ("Vary", "two"),
        ("Set-Cookie", "session=abcdef"),
    )
    if request.url.endswith("/converse-stream"):
        return Response(200, (EVENTS, *more), CONVERSED)
    if request.url.endswith("/invoke-with-response-stream"):
        return Response(200, (EVENTS, *more), INVOKED)
    return said(SAID, 200, *more)


def made(url, *, retries=0, mode="standard", timeout=5, service="bedrock-runtime", make=boto3.client, **keys):
    retrying = {"total_max_attempts": retries + 1, "mode": mode}
    config = Config(retries=retrying, connect_timeout=timeout, read_timeout=timeout)
    client = make(service, region_name="us-east-1", endpoint_url=url, config=config, **(keys or KEYS))
    CLIENTS.append(client)
    return client


CLIENTS = []


def converse(client):
    return client.converse(modelId="m", messages=ASKED)


def converse_stream(client):
    response = client.converse_stream(modelId="m", messages=ASKED)
    return list(response.pop("stream")), response


def invoke_stream(client):
    response = client.invoke_model_with_response_stream(modelId="m", body=b'{"prompt": "hi"}')
    return list(response.pop("body")), response


def invoke(client):
    response = client.invoke_model(modelId="m", body=b'{"prompt": "hi"}')
    return response.pop("body").read(), response


def invoke_in_pieces(client):
    response = client.invoke_model(modelId="m", body=b'{"prompt": "hi"}')
    with response["body"] as raw:
        first = raw.read(7)
        place = raw.tell()
        buffer = bytearray(11)
        return (
            first,
            place,
            raw.readinto(buffer),
            bytes(buffer),
            raw.readable(),
            raw.read(),
            raw.read(5),
            raw.tell(),
        )


def invoke_by_chunks(client):
    response = client.invoke_model(modelId="m", body=b"{}")
    response["body"].set_socket_timeout(3)
    return list(response["body"].iter_chunks(20))


def invoke_by_lines(client):
    response = client.invoke_model(modelId="m", body=b"{}")
    return list(response["body"].iter_lines(8)), response["body"].read()


AGENTS = [
    converse,
    converse_stream,
    invoke_stream,
    invoke,
    invoke_in_pieces,
    invoke_by_chunks,
    invoke_by_lines,
]


def hidden(result):
    """`result` with the one header's value that a replay does not have."""
    return json.loads(re.sub("session=[a-z]{6}", "session=...", json.dumps(result, default=repr)))


def outcome(agent, *args):
    """What an agent got, or what was raised, with all that can be seen of it."""
    try:
        return agent(*args)
    except Exception as exc:
        told = {k: v for k, v in vars(exc).items() if k not in ("request", "pool", "kwargs")}
        return type(exc), str(exc), repr(told), sorted(getattr(exc, "kwargs", ()))


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Retries wait for a random part of a second: here for none of it."""
    monkeypatch.setattr(random, "random", lambda: 0.0)


@pytest.fixture(autouse=True)
def _closed():
    yield
    while CLIENTS:
        CLIENTS.pop().close()


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.__name__)
def test_a_client_gets_the_same_bare_recorded_and_replayed_with_the_server_gone(agent):
    def run():
        client = made(url)
        with attach(client):
            return agent(client)

    with LoopbackServer(by_rule(answer)) as server:
        url = server.url
        bare = agent(made(url))
        with tracefork.record() as recording:
            live = run()
    with tracefork.replay(recording.tape) as again:
        replayed = run()

    assert live == bare
    assert hidden(replayed) == hidden(live)
    assert again.tape.digest() == recording.tape.digest()
    assert again.tape[0].answer == recording.tape[0].answer  # chunk boundaries too
    assert tracefork.verify(recording.tape, run).ok


def test_chunks_and_headers_are_on_the_tape_as_they_came_and_credentials_are_not():
    with LoopbackServer(by_rule(answer)) as server, tracefork.record() as run:
        client = made(server.url)
        with attach(client):
            converse_stream(client)
        sent = dict(server.requests[0].headers)
    request, response = run.tape[0].request, run.tape[0].response

    assert response.chunks == CONVERSED
    assert [pair for pair in response.headers if pair[0] == "Vary"] == [("Vary", "one"), ("Vary", "two")]
    assert {("x-amzn-RequestId", "req-7"), ("Vary", "one")} <= set(response.headers)
    assert ("Set-Cookie", "session=[secret:set-cookie]") in run.tape.masked[0].response.headers
    assert "AKIDNOTREAL" in sent["Authorization"]
    assert dict(request.headers)["Authorization"] == "[secret:authorization]"
    assert b"AKIDNOTREAL" not in tracefork.dumps(run.tape)
    assert json.loads(request.body) == {"messages": ASKED}


def test_equal_calls_are_equal_questions_whoever_signs_them_and_when():
    def agent(**keys):
        client = made(url, **keys)
        with attach(client):
            for _ in range(2):
                client.converse(modelId="m", messages=ASKED)

    with LoopbackServer(by_rule(answer)) as server, tracefork.record() as run:
        url = server.url
        agent(**KEYS)
        first, second = (dict(request.headers) for request in server.requests)
    other = {"aws_access_key_id": "b", "aws_secret_access_key": "c", "aws_session_token": "d"}

    assert first["amz-sdk-invocation-id"] != second["amz-sdk-invocation-id"]
    with tracefork.replay(run.tape) as again:
        agent(**other)
    assert again.tape.digest() == run.tape.digest()


def test_each_chunk_reaches_the_agent_before_the_next_is_sent():
    got = []
    with LoopbackServer(by_rule(answer), lockstep=True) as server, tracefork.record() as run:
        client = made(server.url)
        with attach(client):
            for event in client.converse_stream(modelId="m", messages=ASKED)["stream"]:
                got.append(event)
                server.consumed()
        assert server.errors == ()

    assert len(got) == len(CONVERSED) == len(run.tape[0].timing.chunks)
    assert run.tape[0].response.end == "eof"


@pytest.mark.parametrize(
    ("mode", "status"),
    [("standard", 429), ("legacy", 429), ("adaptive", 500)],  # adaptive waits for seconds if throttled
)
def test_botocore_retries_by_itself_and_each_try_is_an_exchange(mode, status):
    kind = "ThrottlingException" if status == 429 else "InternalServerException"
    refused = said({"message": "not now"}, status, ("x-amzn-ErrorType", kind))
    script = Script(refused, Response(503, (JSON,), (b"{}",)), Fault("ReadError"), said(SAID))

    def agent():
        client = made(url, retries=3, mode=mode)
        with attach(client):
            response = client.converse(modelId="m", messages=ASKED)
        return response["output"], response["ResponseMetadata"]["RetryAttempts"]

    with LoopbackServer(script) as server, tracefork.record() as run:
        url = server.url
        assert agent() == (SAID["output"], 3)
    verdict = tracefork.verify(run.tape, agent)

    answers = [x.answer for x in run.tape]
    assert [a.status for a in answers if isinstance(a, Response)] == [status, 503, 200]
    assert answers[2].kind == "botocore.exceptions.ConnectionClosedError"
    assert verdict.ok, verdict


REFUSED = said({"message": "no such model"}, 404, ("x-amzn-ErrorType", "ResourceNotFoundException"))
CUT = Response(200, (EVENTS,), CONVERSED[:2], Fault("ReadError"))
CUT_JSON = Response(200, (JSON,), (b'{"a": ', b"1"), Fault("ReadError"))
HUNG = Response(200, (EVENTS,), CONVERSED[:2], Fault("ReadTimeout"))
HUNG_JSON = Response(200, (JSON,), (b'{"a": ',), Fault("ReadTimeout"))
SHORT = Response(200, (JSON, ("Content-Length", "99")), (b'{"a": 1}',))
THROTTLED = Response(
    200, (EVENTS,), (*CONVERSED[:2], frame("throttlingException", {"message": "slower"}, "exception"))
)


def until_it_breaks(client):
    got, stream = [], client.converse_stream(modelId="m", messages=ASKED)["stream"]
    try:
        with closing(stream):
            got.extend(stream)
    except Exception as exc:
        return got, type(exc), str(exc), repr(vars(exc).get("url", "none"))
    return got


@pytest.mark.parametrize(
    ("sent", "agent", "raised"),
    [
        (REFUSED, converse, "ResourceNotFoundException"),
        (REFUSED, converse_stream, "ResourceNotFoundException"),
        (Fault("RemoteProtocolError"), converse, "ConnectionClosedError"),
        (Fault("RemoteProtocolError"), converse_stream, "ConnectionClosedError"),
        (Fault("ReadTimeout"), converse, "ReadTimeoutError"),
        (Fault("ReadTimeout"), converse_stream, "ReadTimeoutError"),
        (CUT_JSON, converse, "ConnectionClosedError"),
        (CUT_JSON, invoke, "ResponseStreamingError"),
        (CUT, until_it_breaks, "ProtocolError"),
        (HUNG, until_it_breaks, "ReadTimeoutError"),
        (HUNG_JSON, converse, "ReadTimeoutError"),
        (HUNG_JSON, invoke, "ReadTimeoutError"),
        (SHORT, invoke, "ResponseStreamingError"),
        (SHORT, invoke_by_chunks, "IncompleteReadError"),
        (SHORT, converse, "'content-length': '99'"),
        (THROTTLED, until_it_breaks, "EventStreamError"),
    ],
)
def test_what_fails_fails_alike_bare_recorded_and_replayed(sent, agent, raised):
    def run():
        client = made(url, timeout=0.3)
        with attach(client):
            return outcome(agent, client)

    with LoopbackServer(by_rule(lambda _: sent)) as server:
        url = server.url
        bare = outcome(agent, made(url, timeout=0.3))
        with tracefork.record() as recording:
            live = run()
    with tracefork.replay(recording.tape) as again:
        replayed = run()

    assert raised in str(bare)
    assert live == bare
    assert replayed == live
    assert again.tape.digest() == recording.tape.digest()


def test_a_connection_that_is_refused_is_refused_again():
    with LoopbackServer(Script()) as server:
        url = server.url

    def agent():
        client = made(url, retries=1)
        with attach(client), pytest.raises(botocore.exceptions.EndpointConnectionError) as caught:
            converse(client)
        return str(caught.value), caught.value.kwargs["endpoint_url"]

    bare = outcome(converse, made(url))
    with tracefork.record() as run:
        live = agent()
    with LoopbackServer(Script(), port=int(url.rpartition(":")[2])) as server:
        assert tracefork.verify(run.tape, agent).ok
        assert server.requests == ()

    assert bare[1] == live[0]
    assert url in live[1]
    assert [x.answer.kind for x in run.tape] == ["botocore.exceptions.EndpointConnectionError"] * 2


def test_where_nothing_is_intercepted_a_replay_refuses_and_names_the_line_that_asked():
    with LoopbackServer(by_rule(answer)) as server:
        with tracefork.record(intercept=False) as run:
            converse(made(server.url))
        asked = len(server.requests)
        with pytest.raises(Refused) as caught, tracefork.replay(run.tape, intercept=False):
            converse(made(server.url))

        assert (len(run.tape), asked, len(server.requests)) == (0, 1, 1)
    assert "test_botocore.py:" in caught.value.site
    assert "in converse" in caught.value.site


def test_an_agent_that_asks_something_else_diverges_through_botocore():
    def agent(text):
        client = made(url, retries=2)
        with attach(client):
            return client.converse(modelId="m", messages=[{"role": "user", "content": [{"text": text}]}])

    with LoopbackServer(by_rule(answer)) as server, tracefork.record() as run:
        url = server.url
        agent("one")
    with pytest.raises(Divergence) as caught, tracefork.replay(run.tape):
        agent("two")

    assert caught.value.path == "$.messages[0].content[0].text"


def test_a_stream_that_the_agent_leaves_is_closed_there_and_again():
    def agent():
        client = made(url)
        with attach(client):
            stream = client.converse_stream(modelId="m", messages=ASKED)["stream"]
            first = next(iter(stream))
            stream.close()
            return first

    with LoopbackServer(by_rule(answer), lockstep=True) as server, tracefork.record() as run:
        url = server.url
        live = agent()
    verdict = tracefork.verify(run.tape, agent)

    assert run.tape[0].response.chunks == CONVERSED[:1]
    assert run.tape[0].response.end == "closed"
    assert verdict.ok, verdict
    with tracefork.replay(run.tape):
        assert agent() == live


def test_reading_past_a_recorded_close_diverges():
    def agent(*, on):
        client = made(url)
        with attach(client):
            stream = client.converse_stream(modelId="m", messages=ASKED)["stream"]
            events = iter(stream)
            got = [next(events), *(events if on else ())]
            stream.close()
            return got

    with LoopbackServer(by_rule(answer), lockstep=True) as server, tracefork.record() as run:
        url = server.url
        agent(on=False)
    with pytest.raises(Divergence), tracefork.replay(run.tape):
        agent(on=True)


def test_a_body_that_was_closed_gives_nothing_more():
    def agent():
        client = made(url)
        with attach(client):
            body = client.invoke_model(modelId="m", body=b"{}")["body"]
            got = body.read(10)
            body.close()
            return got, outcome(body.read, 10), outcome(body.read)

    with LoopbackServer(by_rule(answer)) as server, tracefork.record() as run:
        url = server.url
        live = agent()
    with tracefork.replay(run.tape):
        replayed = agent()

    assert live == replayed
    assert live[0] == json.dumps(SAID).encode()[:10]
    assert live[1][0] is live[2][0] is botocore.exceptions.IncompleteReadError


def test_a_fork_changes_an_answer_and_goes_on_live():
    def agent():
        client = made(url)
        with attach(client):
            got = []
            for n in range(3):
                body = json.dumps({"so far": got, "n": n}).encode()
                got.append(client.invoke_model(modelId="m", body=body)["body"].read().decode())
            return got

    count = iter(range(9))
    with LoopbackServer(by_rule(lambda _: said({"n": next(count)}))) as server:
        url = server.url
        with tracefork.record() as run:
            agent()
        with tracefork.fork(run.tape, 1, lambda x: x.response.with_body(b'{"n": "another"}')) as branch:
            got = agent()

    assert got == ['{"n": 0}', '{"n": "another"}', '{"n": 3}']
    assert branch.forwarded == 1


def test_a_secret_that_the_tape_hides_goes_out_whole_and_signed(monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", "the-shop-is-open")

    def agent():
        client = made(url)
        with attach(client):
            first = client.invoke_model(modelId="m", body=b"{}")["body"].read()
            client.invoke_model(modelId="m", body=first + b"?")

    with LoopbackServer(by_rule(lambda _: said({"door": "the-shop-is-open"}))) as server:
        url = server.url
        with tracefork.record() as run:
            agent()
        with tracefork.fork(run.tape, 1):
            agent()
        live, forked = server.requests[1:]

    assert forked.body == live.body == b'{"door": "the-shop-is-open"}?'
    assert signed_anew(forked) == dict(forked.headers)["Authorization"]
    assert b"the-shop-is-open" not in tracefork.dumps(run.tape)


def signed_anew(request):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    headers = dict(request.headers)
    named = headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    kept = {n: v for n, v in headers.items() if n.lower() in named}
    again = AWSRequest(request.method, request.url, kept, request.body)
    again.context["timestamp"] = headers["X-Amz-Date"]
    auth = SigV4Auth(
        Credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"]), "bedrock", "us-east-1"
    )
    auth._inject_signature_to_request(
        again, auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
    )
    return again.headers["Authorization"]


@pytest.mark.parametrize("session", [boto3.Session, botocore.session.get_session], ids=["boto3", "botocore"])
def test_a_session_attaches_the_clients_that_it_makes_and_detaches_them(session):
    session = session()
    make = getattr(session, "client", None) or session.create_client
    with LoopbackServer(by_rule(answer)) as server, tracefork.record(intercept=False) as run:
        early = made(server.url, make=make)
        with attach(session):
            client = made(server.url, make=make)
            converse(client)
            with attach(client):  # twice is once
                converse(client)
            converse(client)
            converse(early)
        converse(client)
        converse(made(server.url, make=make))
        assert len(server.requests) == 6

    assert len(run.tape) == 3


def test_outside_of_a_run_and_after_it_nothing_changes():
    with LoopbackServer(by_rule(answer)) as server:
        client = made(server.url)
        attach(client)
        before = converse(client)
        with tracefork.record() as run:
            assert converse(client) == before
        assert converse(client) == before
        assert len(server.requests) == 3

    assert len(run.tape) == 1


def test_a_client_may_belong_to_a_run_of_its_own():
    with LoopbackServer(by_rule(answer)) as server:
        client = made(server.url)
        with tracefork.record(intercept=False) as mine, tracefork.record() as other:
            with attach(client, mine):
                converse(client)

    assert (len(mine.tape), len(other.tape)) == (1, 0)


def test_of_runs_that_a_client_is_attached_to_the_later_wins_until_it_is_over():
    with LoopbackServer(by_rule(answer)) as server:
        client = made(server.url)
        with tracefork.record(intercept=False) as first:
            attach(client, first)
            with tracefork.record(intercept=False) as second, attach(client, second):
                converse(client)
            converse(client)
        with tracefork.record(intercept=False) as third, attach(client, third):
            converse(client)
        converse(client)

    assert [len(run.tape) for run in (first, second, third)] == [1, 1, 1]


def test_what_is_neither_a_client_nor_a_session_is_not_attached():
    with pytest.raises(AttributeError):
        attach(object())


def test_other_handlers_have_had_their_say_before_a_request_is_kept():
    def agent():
        client = made(url)
        with attach(client):
            client.meta.events.register(
                "before-send", lambda request, **_: request.headers.update({"Accept-Language": "pt"})
            )
            return converse(client)

    with LoopbackServer(by_rule(answer)) as server, tracefork.record() as run:
        url = server.url
        agent()
        assert dict(server.requests[0].headers)["Accept-Language"] == "pt"

    assert dict(run.tape[0].request.headers)["Accept-Language"] == "pt"


def test_threads_and_tasks_on_one_client_replay_in_their_order():
    def agent():
        client = made(url)

        async def one(n):
            asked = [{"role": "user", "content": [{"text": f"{n}"}]}]
            return (await asyncio.to_thread(client.converse, modelId="m", messages=asked))["output"]

        async def main():
            return await asyncio.gather(*(one(n) for n in range(5)))

        with attach(client):
            return asyncio.run(main())

    with LoopbackServer(by_rule(answer), delay=0.01) as server, tracefork.record() as run:
        url = server.url
        live = agent()
    verdict = tracefork.verify(run.tape, agent, patience=5)

    assert len(live) == len(run.tape) == 5
    assert verdict.ok, verdict


def test_what_has_no_body_ends_well_though_it_names_a_length():
    with LoopbackServer(by_rule(lambda _: Response(200, (("Content-Length", "50"),)))) as server:
        s3 = made(server.url, service="s3")
        with tracefork.record() as run, attach(s3):
            assert s3.head_object(Bucket="b", Key="k")["ContentLength"] == 50

    assert run.tape[0].response.end == "eof"


def test_a_file_is_uploaded_and_a_body_read_from_another_service(tmp_path):
    (tmp_path / "up").write_bytes(b"payload" * 1000)

    def agent():
        client = made(url, service="s3")
        with attach(client), (tmp_path / "up").open("rb") as file:
            client.put_object(Bucket="b", Key="k", Body=file)
            got = client.get_object(Bucket="b", Key="k")
            return got["Body"].read(10), got["Body"].read(), got["ContentLength"]

    def s3(request):
        return (
            Response(200, (("Content-Length", "7000"),), (b"payload" * 1000,))
            if request.method == "GET"
            else Response(200)
        )

    with LoopbackServer(by_rule(s3)) as server, tracefork.record() as run:
        url = server.url
        live = agent()
        assert b"payload" * 1000 in server.requests[0].body
    with tracefork.replay(run.tape):
        replayed = agent()

    assert live == replayed == (b"payloadpay", (b"payload" * 1000)[10:], 7000)
