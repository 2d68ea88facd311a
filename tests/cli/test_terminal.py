"""Nothing that was recorded steers the terminal of who looks at it: ESC, C1, bidi, half surrogate pairs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

from tracefork import Draw, Effect, Exchange, Fault, Request, Response, Tape, TapeStore
from tracefork.core.notes import ESCAPED
from tracefork.core.values import Branch, Call, Outcome, Pending, Reading, Reply, Source, Span
from tracefork.core.visible import visible, visible_json
from tracefork.errors import InDoubt, NotFound, StoreError, TooLarge

ODD = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202eevil\u2066\u2028\ud83d[bold]\r\nforged :smile:"
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
HEADERS = (
    ("content-type", "application/json"),
    ("x-odd", ODD.replace("\r\n", "").encode("latin-1", "ignore").decode("latin-1")),
)


def body(**more):
    return json.dumps({"model": ODD, **more}, ensure_ascii=False).encode("utf-8", "surrogatepass")


def hostile(run_id="r" + ODD, text=ODD):
    said = {
        "id": ODD,
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "text", "text": text},
            {"type": "tool_use", "id": ODD, "name": ODD, "input": {ODD: ODD}},
        ],
        "stop_reason": ODD,
    }
    shown = (ODD.encode("latin-1", "replace"),)
    url = f"https://h{ODD}/v1/messages"
    steps = [
        Exchange(
            Request("POST", url, HEADERS, body(messages=[])), Response(200, HEADERS, (body(**said),)), ODD
        ),
        Exchange(Request(ODD, "https://h/x", HEADERS, ODD.encode("utf-8", "replace")), Fault(ODD, ODD), "b"),
        Exchange(
            Request("GET", "https://h/x"),
            Response(500, HEADERS, shown, reason=ODD),
        ),
        Draw(Source("env", ODD), Reading("=" + ODD)),
        Effect(Call(ODD, json.dumps({ODD: ODD})), Reply("returned", json.dumps(ODD), ODD)),
        Effect(Call(ODD, "{}"), Fault(ODD, ODD)),
    ]
    return Tape(
        tuple(evolve(step, span=Span(3 * n, 3 * n + 1, 3 * n + 2)) for n, step in enumerate(steps)),
        (Pending(Call(ODD, json.dumps([ODD])), ODD, 99),),
        run_id=run_id,
        agent_name=ODD,
        created_at=1.0,
        parent=Branch("p" + ODD, 0, ODD, ODD),
        outcome=Outcome("raised", ODD, ODD),
        meta={ESCAPED: json.dumps([["connection", ODD, ODD, 1, False]]), "argv": json.dumps([ODD])},
    )


COMMANDS = [
    ["ls"],
    ["ls", "--json"],
    ["group"],
    ["group", "--json"],
    ["show", "r"],
    ["show", "r", "--json"],
    ["show", "r", "--step", "0"],
    ["show", "r", "--step", "1"],
    ["show", "r", "--step", "2"],
    ["show", "r", "--step", "0", "--json"],
    ["diff", "r", "other"],
    ["diff", "r", "other", "--json"],
    ["diff", "r", "other", "--all"],
    ["report", "r", "--format", "text", "-o", "-"],
    ["report", "r", "--format", "markdown", "-o", "-"],
    ["report", "r", "--format", "static", "-o", "-"],
    ["report", "r", "-o", "-"],
    ["report", "r", "--format", "text"],
    ["check"],
    ["check", "--json"],
    ["gc"],
    ["verify", "r", "--", "agent.py"],
    ["verify", "r", "--json", "--", "agent.py"],
    ["fork", "r", "--at", "0", "--text", "x", "--", "agent.py"],
    ["resume", "r", "--", "agent.py"],
    ["blame", "r", "--success", "x", "--", "agent.py"],
    ["scrub", "r"],
    ["export", "r", "out.tape"],
    ["salvage", "r"],
    ["delete", "r"],
    ["delete", "r\x1b[2J"],
    ["show", "no\x1b[2J"],
    ["show", "no\x1b[2J", "--json"],
    ["import", "no\x1b[2J.tape"],
    ["ls", "--store", "no\x1b[2J.db"],
    ["verify", "r", "--", "no\x1b[2J.py"],
]


@pytest.fixture
def desk(tmp_path, monkeypatch, capfdbinary):
    """Run a command within this process, and return all that it wrote, as text."""
    from tracefork.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    (tmp_path / "agent.py").write_text("raise ValueError('\\x1b[2J\\x9b')")
    with TapeStore.open("runs.db") as store:
        store.save(hostile())
        store.save(hostile("other", text=ODD + "!"))

    def run(*words):
        monkeypatch.setattr("sys.argv", ["tracefork", *words])
        with pytest.raises(SystemExit) as left:
            main()
        wrote = capfdbinary.readouterr()
        return left.value.code, wrote.out.decode(), wrote.err.decode()

    return run


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.filterwarnings("ignore")
def test_no_command_prints_what_steers_a_terminal(desk, words):
    code, out, err = desk(*words)

    assert code in (0, 1, 2, 3), err
    assert not STEERS.findall(out.replace("\r\n", "\n"))
    assert not STEERS.findall(err)
    assert "Traceback (most recent call last)" not in err or "agent.py" in err
    assert "☺" not in out + err
    assert "😄" not in out + err
    if "--json" in words:
        json.loads(out)


def test_a_name_with_a_new_line_forges_no_line(desk):
    for words in (["ls"], ["show", "r"], ["check"], ["report", "r", "--format", "text", "-o", "-"]):
        _, out, _ = desk(*words)

        assert out
        assert not [line for line in out.splitlines() if line.startswith("forged")]


def test_what_is_printed_as_json_says_what_was_there(desk):
    _, out, _ = desk("ls", "--json")

    assert {info["agent_name"] for info in json.loads(out)} == {ODD}


@pytest.mark.parametrize(
    "error", [NotFound(ODD), StoreError(ODD), InDoubt(Call(ODD, ODD)), TooLarge(ODD, ODD)]
)
def test_what_an_error_quotes_is_visible(error):
    assert not STEERS.findall(str(error))
    assert error.args


def test_an_error_of_a_third_party_is_visible_too():
    class Theirs(StoreError):
        def __str__(self):
            return f"it broke: {ODD}"

    assert str(Theirs()).startswith("it broke: \\x1b]0;owned")


def test_what_is_visible_stays_as_it_is():
    text = "plain, Zürich, 東京\u3000\u00a0x, 👩\u200d👧, नमस्ते, שלום, \ttab\nline"

    assert visible(text) == text
    assert visible("a\r\nb\rc") == "a\nb\\rc"
    assert visible("a\nb", one_line=True) == "a\\nb"
    told = ODD + text + "\U000e0041"
    assert json.loads(visible_json(json.dumps(told, ensure_ascii=False))) == told


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_a_terminal_has_no_bytes_for_is_spelled(tmp_path, encoding):
    name = "東京 é 👧"
    with TapeStore.open(tmp_path / "runs.db") as store:
        store.save(evolve(hostile("r"), agent_name=name))

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "tracefork", *words],
            check=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            timeout=60,
        ).stdout.decode(encoding)

    assert json.loads(run("ls", "--json"))[0]["agent_name"] == name
    assert run("ls")
    assert run("show", "r", "--step", "0")
