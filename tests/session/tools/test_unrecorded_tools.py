"""A tool that a model calls and no run knows of runs for real: that is said, and blame refuses to do it."""

from __future__ import annotations

import json
import os

import httpx
import pytest

import tracefork
from tracefork import Request, Response
from tracefork.attribution.forks.budget import Budget
from tracefork.core.values import Call, Effect, Exchange, Pending, Reply
from tracefork.errors import UnrecordedTools
from tracefork.providers import anthropic, gemini, openai
from tracefork.providers.unrecorded import find_unrecorded
from tracefork.report.text.step_table import notes
from tracefork.testing.scripted import by_rule, transport
from tracefork.testing.server import LoopbackServer

booked = []


def book(city):
    booked.append(city)
    return f"booked {city}"


def model(request):
    said = json.loads(request.body)["messages"]
    answer = anthropic.tool_use("book", {"city": "Oslo"}) if len(said) == 1 else anthropic.text("Done.")
    return answer(request)


def agent():
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Book."}]}
    with httpx.Client(transport=transport(by_rule(model), httpx)) as client:
        content = client.post("https://api.anthropic.com/v1/messages", json=asked).json()["content"]
        call = next(part for part in content if part["type"] == "tool_use")
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": book(**call["input"])}
        asked["messages"] += [
            {"role": "assistant", "content": content},
            {"role": "user", "content": [result]},
        ]
        return client.post("https://api.anthropic.com/v1/messages", json=asked).json()["content"][0]["text"]


@pytest.fixture(autouse=True)
def _anew():
    booked.clear()


def recorded(**options):
    with tracefork.record(**options) as run:
        agent()
    return run.tape


def test_the_verdict_and_the_list_of_steps_name_it_and_the_cure():
    tape = recorded()
    verdict = tracefork.verify(tape, agent)

    assert verdict.ok and verdict.unrecorded == ("book",)
    for said in (str(verdict), "\n".join(notes(tape))):
        assert "the model called book" in said and "for real" in said and "wrap=" in said
    assert booked == ["Oslo"] * 2


def test_a_fork_and_a_resume_warn_of_it():
    tape = recorded()
    for begin in (lambda: tracefork.fork(tape, 1), lambda: tracefork.resume(tape)):
        with pytest.warns(tracefork.runs.api.UnrecordedWarning, match="the model called book"):
            begin()
    wrapped = recorded(wrap=[book])
    with tracefork.resume(wrapped):
        agent()


def test_blame_refuses_and_runs_nothing_unless_it_may():
    tape = recorded()
    with pytest.raises(UnrecordedTools, match=r"book.*wrap=.*tools_run_for_real"):
        tracefork.blame(tape, agent, lambda said: False)
    assert len(booked) == 1
    report = tracefork.blame(tape, agent, lambda said: False, budget=Budget(forks=2), tools_run_for_real=True)
    assert report.forks == 2 and len(booked) > 1


def test_a_wrapped_function_is_no_such_tool():
    tape = recorded(wrap=[book])
    assert find_unrecorded(tape) == () and tracefork.verify(tape, agent).unrecorded == ()
    tracefork.blame(tape, agent, lambda said: False, budget=Budget(forks=2))
    assert len(booked) == 1


def exchange(answer, url="https://api.anthropic.com/v1/messages", body=b"{}"):
    request = Request("POST", url, (("content-type", "application/json"),), body)
    return Exchange(request, answer(request) if callable(answer) else answer)


def called(name):
    return exchange(anthropic.tool_use(name, {}))


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (["book"], ()),
        (["Desk.book"], ()),
        (["mcp:book"], ()),
        (["Book"], ()),
        (["look", "book_seat", "bookings"], ("book",)),
        ([], ("book",)),
    ],
)
def test_an_effect_of_that_name_is_what_counts(names, left):
    effects = [Effect(Call(name, "{}"), Reply("returned", "1")) for name in names]
    assert find_unrecorded(tracefork.Tape(steps=(called("book"), *effects))) == left


def test_one_that_was_in_flight_counts_too():
    tape = tracefork.Tape(steps=(called("book"),), pending=(Pending(Call("book", "{}"), "", 3),))
    assert find_unrecorded(tape) == ()


def test_each_name_is_said_once_in_the_order_of_calls():
    steps = (called("pay"), called("book"), called("pay"), called("get-weather"))
    assert find_unrecorded(tracefork.Tape(steps=steps)) == ("pay", "book", "get-weather")


@pytest.mark.parametrize(
    ("build", "url"),
    [
        (anthropic.tool_use, "https://api.anthropic.com/v1/messages"),
        (openai.tool_call, "https://api.openai.com/v1/chat/completions"),
        (openai.tool_call, "https://api.openai.com/v1/responses"),
        (gemini.tool_use, "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_it_is_seen_whoever_the_vendor_is(build, url, stream):
    body = b'{"model":"m","stream":true}' if stream else b'{"model":"m"}'
    if stream and "gemini" in url:
        url = url.replace("generateContent", "streamGenerateContent?alt=sse")
    assert find_unrecorded(tracefork.Tape(steps=(exchange(build("book", {}), url, body),))) == ("book",)


def test_what_the_vendor_runs_is_none_of_the_agents():
    content = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    ]
    body = json.dumps({"type": "message", "role": "assistant", "content": content}).encode()
    answer = Response(200, (("content-type", "application/json"),), (body,))
    output = [{"type": "mcp_call", "id": "mcp_1", "name": "roll", "arguments": "{}", "output": "4"}]
    responses = Response(200, (), (json.dumps({"output": output, "status": "completed"}).encode(),))

    steps = (exchange(answer), exchange(responses, "https://api.openai.com/v1/responses"))
    assert find_unrecorded(tracefork.Tape(steps=steps)) == ()


def test_a_tool_that_was_called_over_mcp_and_http_is_on_the_tape():
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "stock", "arguments": {}}}
    over = exchange(Response(200), "https://shop.test/mcp", json.dumps(asked).encode())
    assert find_unrecorded(tracefork.Tape(steps=(called("stock"), over))) == ()


# -- the shell -----------------------------------------------------------------------------------

TOOLS = """
from pathlib import Path
def book(city):
    with open("booked", "a") as file:
        file.write("x")
    return "booked " + city
"""

AGENT = """{imports}
import os, httpx
def main():
    url, asked = "/v1/messages", {{"model": "m", "messages": [{{"role": "user", "content": "Book."}}]}}
    with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
        content = client.post(url, json=asked).json()["content"]
        call = content[-1]
        came = TOOLS[call["name"]](**call["input"])
        result = {{"type": "tool_result", "tool_use_id": call["id"], "content": came}}
        asked["messages"].append({{"role": "assistant", "content": content}})
        asked["messages"].append({{"role": "user", "content": [result]}})
        print(client.post(url, json=asked).json()["content"][0]["text"])
if __name__ == "__main__":
    main()
"""
EARLY = "from tools_of_agent import book\nTOOLS = {'book': book}\n"
OWN = (
    '"""It says what it is."""\nfrom __future__ import annotations\n'
    + TOOLS.replace("from pathlib import Path", "")
    + "TOOLS = {'book': book}\n"
)


@pytest.fixture
def desk(tmp_path, command_line):
    (tmp_path / "tools_of_agent.py").write_text(TOOLS)
    (tmp_path / "agent.py").write_text(AGENT.format(imports=EARLY))
    (tmp_path / "alone.py").write_text(AGENT.format(imports=OWN))
    with LoopbackServer(by_rule(model)) as server:

        def tracefork(*words, code=0):
            done = command_line(words, tmp_path, {**os.environ, "MODEL_URL": server.url})
            assert done.returncode == code, done.stdout + done.stderr
            return done

        tracefork.booked = lambda: len((tmp_path / "booked").read_text())
        yield tracefork


@pytest.mark.slow
def test_every_command_says_it_and_blame_refuses(desk):
    desk("run", "agent.py")
    for words in (("show", "last"), ("verify", "last"), ("fork", "--at", "1", "last")):
        done = desk(*words)
        assert "the model called book" in done.stdout + done.stderr, words
    assert json.loads(desk("show", "--json", "last").stdout)["unrecorded"] == ["book"]
    assert json.loads(desk("verify", "--json", "last").stdout)["unrecorded"] == ["book"]
    before = desk.booked()
    done = desk("blame", "last", "--success", "Never", code=2)
    assert "--tools-run-for-real" in done.stderr and desk.booked() == before
    done = desk("blame", "last", "--success", "Never", "--forks", "2", "--tools-run-for-real")
    assert "the model called book" in done.stderr and desk.booked() > before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrap", "script"),
    [
        ("tools_of_agent:book", "agent.py"),
        ("__main__:book", "alone.py"),
        ("alone:book", "alone.py"),
        ("book", "alone.py"),
    ],
)
def test_wrap_makes_it_a_tool_of_this_and_all_that_follows(desk, wrap, script):
    desk("run", "--wrap", wrap, script)
    assert desk.booked() == 1
    assert "the model called" not in desk("show", "last").stdout
    assert "2 of 2" in desk("verify", "last").stdout
    desk("fork", "--at", "1", "last")
    desk("blame", "last", "--success", "Never", "--forks", "2")
    assert desk.booked() == 1


@pytest.mark.parametrize("wrap", ["book", "alone:book"])
def test_a_module_that_is_run_is_wrapped_as_a_script_is(desk, wrap):
    desk("run", "--wrap", wrap, "-m", "alone")
    assert "2 of 2" in desk("verify", "last").stdout
    assert desk.booked() == 1


def test_a_name_that_the_script_never_defines_is_said(desk):
    assert "has no function pay" in desk("run", "--wrap", "pay", "alone.py").stderr


def test_a_path_to_nothing_is_said(desk):
    assert "has no function pay" in desk("run", "--wrap", "tools_of_agent:pay", "agent.py").stderr


DYING = """
import os, httpx, tracefork
@tracefork.tool
def pay(key):
    with open("booked", "a") as file:
        file.write("x")
    if os.environ.get("DIE") == "tool" or os.path.exists("die"):
        os._exit(9)
    return "paid"
def ask(text):
    asked = {"model": "m", "messages": [{"role": "user", "content": text}, {}]}
    with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
        client.post("/v1/messages", json=asked)
ask("1")
if os.path.exists("early"):
    os._exit(9)
ask("2")
pay("k")
ask("3")
"""


@pytest.mark.slow
def test_last_is_the_run_that_can_go_on(desk, tmp_path):
    (tmp_path / "pays.py").write_text(DYING)
    (tmp_path / "die").touch()
    desk("run", "--run-id", "first", "pays.py", code=9)
    (tmp_path / "die").unlink()
    assert "in doubt: pay" in desk("show", "last").stdout
    done = desk("resume", "last", code=2)
    assert "pay was called before the crash" in done.stderr
    (tmp_path / "early").touch()
    desk("resume", "last", code=9)
    (tmp_path / "early").unlink()
    assert "pay was called before the crash" in desk("blame", "first", "--success", "x", code=2).stderr

    done = json.loads(desk("resume", "--json", "--on-doubt", "rerun", "last").stdout)

    assert done["forwarded"] == 2 and done["in_doubt"] == [] and desk.booked() == 2
    assert done["parent"]["parent"] != "first", "the one that stopped at the doubt got as far"
    assert desk("verify", "last").returncode == 0
