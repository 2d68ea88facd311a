"""Names and texts that nobody expects, with half surrogate pairs, nulls, 300 characters: right, or typed."""

import asyncio
import json
import os
import sys

import httpx
import pytest

import tracefork
from tracefork import TapeStore, report
from tracefork.errors import NotFound, StoreError, TraceforkError
from tracefork.providers import anthropic, gemini, openai

HALF = "x\ud83d"
ODD = [
    HALF,
    "\udcff",
    "a\0b",
    "a/b/../c",
    "..",
    ".",
    "a" * 300,
    "é" * 300,
    "new\nline",
    "\x1b[2J",
    " ",
    "CON",
    "a:b",
]
STORES = ["a.db", "runs", ":memory:"]
client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, text="ok")))


def ask():
    client.post("https://m.example/", content="1")


def opened(tmp_path, where):
    return TapeStore.open(where if where == ":memory:" else tmp_path / where)


def looked_at(tape):
    """Everybody who makes text of a tape makes some that can be written."""
    for form in (report.html, report.text, report.markdown):
        assert form(tape).encode()
    assert tracefork.loads(tracefork.dumps(tape)) == tape


@pytest.mark.parametrize("where", STORES)
@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_run_may_be_called_anything(tmp_path, where, name):
    with opened(tmp_path, where) as store:
        with tracefork.record(store, run_id=name, agent_name=name, meta={name: name}) as run:
            ask()
        with tracefork.fork(run.tape, 0, run.tape[0].response, store=store, name=name, desc=name) as branch:
            ask()

        assert store.load(name) == run.tape
        assert {info.run_id for info in store.runs()} == {name, branch.run_id}
        assert [one.name for one in store.branches(name)] == [name]
        assert store.resolve(name) == name
        assert not list(store.check())
        looked_at(branch.tape)
        store.delete(name, rebase=True)
        assert [info.run_id for info in store.runs()] == [branch.run_id]
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} <= {"a", "runs"}


@pytest.mark.parametrize("where", STORES)
@pytest.mark.parametrize("name", ["", "a" * 600], ids=["none", "600"])
def test_a_name_that_no_run_can_have_is_refused_at_once(tmp_path, where, name):
    with opened(tmp_path, where) as store:
        try:
            with tracefork.record(store, run_id=name) as run:
                ask()
        except (TraceforkError, ValueError) as error:
            assert not isinstance(error, UnicodeError)
        else:
            assert run.run_id and len(run.run_id) < 600
        assert all(info.damage is None or info.damage == "" for info in store.runs())


NO_FILES = [f"no{HALF}", "a\0b", "a" * 300, "/".join(["deep" * 20] * 80)]


@pytest.mark.parametrize("name", NO_FILES, ids=["half a pair", "null", "300", "too deep"])
@pytest.mark.parametrize("suffix", [".db", ".sqlite", ""])
def test_a_store_that_no_file_can_be_called_is_a_store_error(tmp_path, name, suffix):
    with pytest.raises(StoreError):
        TapeStore.open(f"{tmp_path}/{name + suffix}")
    with pytest.raises(StoreError):
        tracefork.record(f"{tmp_path}/{name + suffix}").__enter__()


@pytest.mark.parametrize("name", NO_FILES, ids=["half a pair", "null", "300", "too deep"])
def test_a_tape_file_that_no_file_can_be_called_is_a_store_error(tmp_path, name):
    with tracefork.record() as run:
        ask()

    with pytest.raises(StoreError):
        tracefork.save(run.tape, f"{tmp_path}/{name + '.tape'}")
    with pytest.raises(StoreError):
        tracefork.load(f"{tmp_path}/{name + '.tape'}")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
@pytest.mark.parametrize("suffix", [".db", ""])
def test_a_store_may_have_a_name_that_is_no_text(tmp_path, suffix):
    where = str(tmp_path / os.fsdecode(b"runs-\xff\xfe")) + suffix
    with tracefork.record(where, run_id="r") as run:
        ask()

    with TapeStore.open(where) as store:
        assert store.load("r") == run.tape
    tracefork.save(run.tape, where + ".tape")
    assert tracefork.load(where + ".tape") == run.tape


@pytest.mark.parametrize("given", [HALF, {HALF: [HALF]}, [HALF, {"a": HALF}]], ids=["text", "object", "list"])
def test_half_a_pair_is_given_to_a_tool_and_comes_back(tmp_path, given):
    def agent(run, what=given):
        return run.call(f"tool{HALF}", lambda x: x, what)

    with tracefork.record(tmp_path / "a.db", run_id="r") as run:
        assert agent(run) == given

    assert tracefork.verify(run.tape, lambda run: agent(run)).ok
    for other in ("y\ud83d", "plain", {HALF: 1}):
        verdict = tracefork.verify(run.tape, lambda run, other=other: agent(run, other))
        assert verdict.divergence is not None
        assert verdict.divergence.path.startswith("$")
        assert str(verdict).encode() and repr(verdict).encode()
    looked_at(run.tape)
    with tracefork.record() as another:
        agent(another, "z\ud83d")
    assert str(tracefork.diff(run.tape, another.tape)).encode()


def said(text):
    content = [
        {"type": "text", "text": text},
        {"type": "tool_use", "id": text, "name": text, "input": {text: text}},
    ]
    return {
        "id": text,
        "type": "message",
        "role": "assistant",
        "model": text,
        "content": content,
        "stop_reason": text,
    }


BODIES = {
    "escaped": json.dumps(said(HALF)).encode(),
    "raw": json.dumps(said(HALF), ensure_ascii=False).encode("utf-8", "surrogatepass"),
}


@pytest.mark.filterwarnings("ignore::tracefork.runs.api.UnrecordedWarning")
@pytest.mark.parametrize("how", BODIES)
def test_a_model_may_say_half_a_pair(tmp_path, how):
    model = httpx.Client(
        transport=httpx.MockTransport(lambda request: httpx.Response(200, content=BODIES[how]))
    )

    def agent():
        asked = {"model": "m", "messages": [{"role": "user", "content": "Hm?"}]}
        return model.post("https://api.anthropic.com/v1/messages", json=asked).content

    with tracefork.record(tmp_path / "a.db") as run:
        agent()
    assert tracefork.verify(run.tape, agent).ok
    looked_at(run.tape)
    for answer in (anthropic.with_text(f"other {HALF}"), anthropic.text(f"other {HALF}")):
        with tracefork.fork(run.tape, 0, answer) as branch:
            assert json.loads(agent())["content"][0]["text"] == f"other {HALF}"
        assert str(tracefork.diff(run.tape, branch.tape)).encode()
        looked_at(branch.tape)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("url", "built"),
    [
        ("https://api.anthropic.com/v1/messages", anthropic.text(HALF)),
        ("https://api.anthropic.com/v1/messages", anthropic.tool_use("f", {HALF: HALF})),
        ("https://api.openai.com/v1/chat/completions", openai.text(HALF)),
        ("https://api.openai.com/v1/responses", openai.text(HALF)),
        ("https://g.example/v1beta/models/m:generateContent", gemini.text(HALF)),
    ],
)
def test_builders_say_half_a_pair_in_json(url, built, stream):
    asked = tracefork.Request("POST", url, (), json.dumps({"stream": stream, HALF: HALF}).encode())

    answer = built(asked)

    assert answer.body.decode()
    assert "\\ud83d" in answer.body.decode()


def test_an_outcome_a_variable_and_a_task_may_hold_half_a_pair(tmp_path, monkeypatch):
    monkeypatch.setenv("ODD", "a\udcff")

    async def agent(run):
        async with httpx.AsyncClient(transport=client._transport) as model:
            run.env("ODD")
            await asyncio.create_task(model.get("https://m.example/"), name=HALF)
        raise RuntimeError(HALF)

    with pytest.raises(RuntimeError), tracefork.record(tmp_path / "a.db", run_id="r") as run:
        asyncio.run(agent(run))

    assert tracefork.verify(run.tape, agent).ok
    monkeypatch.setenv("ODD", "b\udcff")
    assert tracefork.verify(run.tape, agent).ok
    looked_at(run.tape)
    with TapeStore.open(tmp_path / "a.db") as store:
        assert store.load("r").outcome.message == HALF
        with pytest.raises(NotFound) as caught:
            store.load(HALF)
    assert str(caught.value).encode()
