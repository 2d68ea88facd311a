"""Agents whose SDKs retry against a server that misbehaves by chance: each run replays to the same end."""

from __future__ import annotations

from collections import Counter

import pytest
from peers import sdks
from peers.proof import met, outcome, proved

pytestmark = [pytest.mark.peers, pytest.mark.sdk, pytest.mark.usefixtures("hurried")]

CHAOS = {
    "drop": ("--chaos-drop", "0.7"),
    "ratelimit": ("--chaos-ratelimit", "0.7"),
    "disconnect": ("--chaos-disconnect", "0.7"),
    "malformed": ("--chaos-malformed", "0.5"),
    "latency": ("--chaos-latency", "3"),
}

MEETS = {
    "drop": [500, 500, 500],
    "ratelimit": [429, 429, 429],
    "disconnect": ["RemoteProtocolError"] * 3,
    "malformed": ["malformed"],
    "latency": [200, 200],
}
"""What comes of each try where chaos is certain; a malformed answer is no reason to try again."""

RETRYING = (
    sdks.anthropic_create,
    sdks.anthropic_stream,
    sdks.anthropic_create_async,
    sdks.chat_create,
    sdks.chat_stream_async,
    sdks.responses_create,
    sdks.legacy_create,
    sdks.legacy_stream_async,
    sdks.groq_stream,
    sdks.groq_create_async,
)
QUICK = (
    sdks.anthropic_stream,
    sdks.anthropic_create_async,
    sdks.chat_stream_async,
    sdks.legacy_create,
    sdks.groq_stream,
)
TIMES = 10
"""With five kinds of chaos and ten agents: 500 runs."""

by_name = {"ids": lambda value: getattr(value, "__name__", None)}


@pytest.mark.parametrize("agent", sdks.ALL, **by_name)
def test_an_agent_that_meets_no_trouble(agent, llmock):
    (how, said), tape = proved(agent, sdks.Maker(llmock("whole")))

    assert how == "returned"
    assert tuple(answer[0] for answer in said) == sdks.TEXTS
    assert met(tape) == [200, 200]


@pytest.mark.parametrize("streamed", [False, True], ids=["create", "stream"])
def test_gemini(streamed, llmock):
    genai = pytest.importorskip("google.genai")

    def agent(url):
        options = {"base_url": url, "api_version": "v1beta"}
        with genai.Client(api_key="not-a-real-key", http_options=options) as client:
            ask = client.models.generate_content_stream if streamed else client.models.generate_content
            said = ask(model="gemini-2.0-flash", contents="Write a title.")
            return [part.model_dump(exclude={"sdk_http_response"}) for part in (said if streamed else [said])]

    (how, said), tape = proved(agent, llmock("whole"))

    assert how == "returned"
    text = "".join(p["text"] or "" for e in said for c in e["candidates"] for p in c["content"]["parts"])
    assert text == sdks.TEXTS[0]
    assert len(tape) == 1


def test_a_call_of_a_tool(llmock):
    def agent(make):
        with make("openai") as client:
            said = [{"role": "user", "content": "Look up my order."}]
            return sdks.plain(client.chat.completions.create(model="m", messages=said))

    (_, said), _ = proved(agent, sdks.Maker(llmock("whole")))

    [call] = said["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "look_up", "arguments": '{"order": 7}'}


@pytest.mark.parametrize("agent", [a for a in sdks.ALL if "stream" in a.__name__], **by_name)
def test_a_stream_that_is_cut_midway(agent, llmock):
    (how, said), tape = proved(agent, sdks.Maker(llmock("cut")))

    first, second = tape
    assert first.response.end in ("eof", "closed")
    assert second.response.end.kind == "RemoteProtocolError"
    assert how == "raised"
    assert "incomplete chunked read" in str(said)
    assert outcome(agent, sdks.Maker(llmock("cut"))) == (how, said)  # as it is without us


@pytest.mark.parametrize("agent", [sdks.anthropic_create, sdks.groq_create_async], **by_name)
@pytest.mark.parametrize("kind", CHAOS)
def test_every_try_meets_what_is_certain(kind, agent, llmock):
    certain = {f"x-aimock-chaos-{kind}": "3" if kind == "latency" else "1"}
    make = sdks.Maker(llmock("whole"), certain)
    (how, said), tape = proved(agent, make)

    assert met(tape) == MEETS[kind]
    if kind == "latency":
        assert how == "returned"
    else:
        assert how == "raised"
        assert outcome(agent, make) == (how, said)  # as it is without us


@pytest.mark.parametrize("kind", CHAOS)
def test_runs_in_chaos_replay_to_the_same_end(kind, llmock):
    make = sdks.Maker(llmock("whole", *CHAOS[kind]))

    seen = Counter(place for agent in QUICK for place in met(proved(agent, make)[1]))

    assert seen.total() >= len(QUICK)
    assert seen.keys() <= {200, *MEETS[kind]}


@pytest.mark.nightly
@pytest.mark.parametrize("kind", CHAOS)
def test_100_runs_in_chaos_replay_to_the_same_end(kind, llmock):
    make = sdks.Maker(llmock("whole", *CHAOS[kind]))

    ends, seen = Counter(), Counter()
    for agent in RETRYING * TIMES:
        (how, _), tape = proved(agent, make)
        ends[how] += 1
        seen.update(met(tape))

    print(f"{kind}: {ends.total()} of 100 runs replayed: {dict(ends)}; the server gave {dict(seen)}")
    assert ends.total() == 100
    assert seen.keys() == {200, *MEETS[kind]}
    assert ends.keys() == ({"returned"} if kind == "latency" else {"returned", "raised"})
