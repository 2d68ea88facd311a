"""Another tool call, and the answer in an editor: as a user has it, with real editors and real runs."""

from __future__ import annotations

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap

import pytest

from tracefork import Response, TapeStore
from tracefork.cli.answers import edit_answer, read_answer
from tracefork.providers import anthropic, openai, read
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

pytestmark = pytest.mark.slow

AGENT = """
import json, os, sys, httpx
said = [{"role": "user", "content": "Take me to Rome."}]
with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
    while True:
        asked = {"model": "small", "max_tokens": 9, "messages": said}
        content = client.post("/v1/messages", json=asked).json()["content"]
        uses = [block for block in content if block["type"] == "tool_use"]
        print(*(block["text"] for block in content if block["type"] == "text"))
        if not uses:
            break
        for use in uses:
            print(use["name"], json.dumps(use["input"]))
        results = [{"type": "tool_result", "tool_use_id": use["id"], "content": "ok"} for use in uses]
        said += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
"""
STREAMING = """
import os, httpx
asked = {"model": "small", "stream": True, "messages": [{"role": "user", "content": "Take me to Rome."}]}
with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
    with client.stream("POST", "/v1/chat/completions", json=asked) as answer:
        print("pay" in "".join(answer.iter_text()))
"""
PAGE = "import os, httpx; httpx.get(os.environ['MODEL_URL'] + '/page', timeout=5)"
EDITOR = """#!{python}
import json, pathlib, sys
file = pathlib.Path(sys.argv[-1])
seen = pathlib.Path("seen.json")
seen.write_text(file.read_text())
pathlib.Path("mode").write_text(oct(file.stat().st_mode & 0o777))
{edit}
"""


def answer(request):
    if request.url.endswith("/page"):
        return Response(200, (), (b"<p>",))
    asked = json.loads(request.body)
    if request.url.endswith("/chat/completions"):
        return openai.tool_call("book", {"by": "plane"})(request)
    if len(asked["messages"]) == 1:
        return anthropic.tool_use("book", {"by": "plane"}, text="I shall book it.")(request)
    used = asked["messages"][-2]["content"][-1]
    return anthropic.text(f"Booked: {used.get('name')} {json.dumps(used.get('input'))}.")(request)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, command_line):
    """A server, and a folder with agents and with runs of them: of the first `main`, and of the others."""
    folder = tmp_path_factory.mktemp("recorded")
    with LoopbackServer(by_rule(answer)) as server:
        env = {**os.environ, "MODEL_URL": server.url}
        for name, script in (("page", PAGE), ("stream", STREAMING), ("main", AGENT)):
            (folder / f"{name}.py").write_text(script)
            assert command_line(("run", "--run-id", name, f"{name}.py"), folder, env).returncode == 0
        yield server, folder


@pytest.fixture
def desk(tmp_path, command_line, recorded):
    """A folder with an agent that books what its model says, a run of it, and the command line."""
    server, folder = recorded
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tmp").mkdir()

    def tracefork(*words, code=0, **env):
        env = {**os.environ, "MODEL_URL": server.url, "TMPDIR": str(tmp_path / "tmp"), **env}
        done = command_line(words, tmp_path, {k: v for k, v in env.items() if v is not None})
        assert done.returncode == code, done.stdout + done.stderr
        return done

    tracefork.server = server
    tracefork.folder = tmp_path
    return tracefork


@pytest.fixture
def editor(tmp_path):
    """Makes an editor, which does `edit` with `file`; gives the words that start it."""

    def make(edit):
        path = tmp_path / "my editor.py"
        path.write_text(EDITOR.format(python=sys.executable, edit=edit))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return f"'{path}' --wait"

    return make


@pytest.fixture
def tape(recorded):
    with TapeStore.open(recorded[1] / "runs.db") as store:
        return store.load("main")


def branches(desk):
    """What was changed in each branch of the recorded run."""
    with TapeStore.open(desk.folder / "runs.db") as store:
        return [branch.desc for branch in store.branches("main")]


def left_behind(desk):
    return list((desk.folder / "tmp").iterdir())


# -- another tool call -------------------------------------------------------------------


def test_a_fork_calls_a_tool_with_other_arguments(desk):
    before = len(desk.server.requests)

    done = desk("fork", "last", "--at", "0", "--tool", "book", '{"by": "train"}')

    assert done.stdout == 'I shall book it.\nbook {"by": "train"}\nBooked: book {"by": "train"}.\n'
    assert len(desk.server.requests) == before + 1
    assert branches(desk) == ['book {"by": "train"}']


def test_a_fork_calls_another_tool_instead_and_one_where_none_was(desk):
    instead = desk("fork", "last", "--at", "0", "--tool", "walk", "{}")
    anew = desk("fork", "main", "--at", "1", "--tool", "walk", '{"far": true}')

    assert "walk {}\n" in instead.stdout
    assert anew.stdout.splitlines()[-2:] == ['walk {"far": true}', 'Booked: walk {"far": true}.']


def test_a_stream_calls_another_tool_too(desk):
    assert desk("fork", "stream", "--at", "0", "--tool", "pay", "{}").stdout == "True\n"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"tool": ("book", "by train")}, "--tool book: its arguments are no JSON"),
        ({"tool": ("book", '["train"]')}, "--tool book: its arguments are a JSON object"),
        ({"tool": ("book", "{}"), "text": "No."}, "give one of --text, --body, --tool and --editor"),
        ({"editor": True, "text": "No."}, "give one of --text, --body, --tool and --editor"),
    ],
)
def test_what_cannot_be_answered_so_is_said(tape, given, problem):
    nothing = {"text": None, "body": None, "tool": None, "editor": False}

    with pytest.raises(ValueError, match=problem):
        read_answer(tape, 0, **nothing | given)


def test_a_step_that_is_not_there_is_said_and_nothing_is_run(desk):
    done = desk("fork", "last", "--at", "7", "--tool", "book", "{}", code=2)

    assert "the run has 2 exchanges, there is no step 7" in done.stderr
    assert branches(desk) == []


# -- the editor ----------------------------------------------------------------------------

TRAIN = """
turn = json.loads(file.read_text())
turn["text"] = "By train, then."
turn["tool_calls"][0]["arguments"]["by"] = "train"
turn["tool_calls"].append({"name": "pay", "arguments": {"sum": 12.50}})
file.write_text(json.dumps(turn))
"""


def test_what_is_edited_is_answered_in_the_vendors_form(desk, editor):
    done = desk("fork", "last", "--at", "0", "--editor", VISUAL=editor(TRAIN), EDITOR="/no/such/editor")

    assert done.stdout.splitlines()[:3] == ["By train, then.", 'book {"by": "train"}', 'pay {"sum": 12.5}']
    assert json.loads((desk.folder / "seen.json").read_text()) == {
        "text": "I shall book it.",
        "tool_calls": [
            {"id": anthropic_id(desk), "name": "book", "arguments": {"by": "plane"}},
        ],
    }
    assert (desk.folder / "mode").read_text() == "0o600"
    assert branches(desk) == ["edited by hand"]
    assert left_behind(desk) == []


def anthropic_id(desk):
    with TapeStore.open(desk.folder / "runs.db") as store:
        return read.completion(store.load("main")[0]).calls[0].id


def test_an_edit_that_changes_nothing_runs_nothing_and_says_so(desk, editor):
    done = desk("fork", "last", "--at", "0", "--editor", EDITOR=editor(""), VISUAL="")
    told = desk("fork", "last", "--at", "0", "--editor", "--json", EDITOR=editor(""), VISUAL=None)

    assert (done.stdout, done.stderr) == ("", "nothing was changed, so nothing was run\n")
    assert told.stdout == "null\n"
    assert branches(desk) == []
    assert left_behind(desk) == []


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ('file.write_text(\'{"text": "By train\')', "Unterminated string"),
        ("file.write_text('[]')", 'this is an object with "text" and "tool_calls"'),
        ('file.write_text(\'{"tool_calls": [{"name": "book", "arguments": 1}]}\')', "is an object, not 1"),
        ("file.write_bytes(b'\\xff')", "can't decode byte"),
    ],
)
def test_an_edit_that_cannot_be_used_is_not_lost(tape, editor, monkeypatch, tmp_path, edit, problem):
    monkeypatch.setenv("VISUAL", editor(edit))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=problem) as caught:
        edit_answer(tape, 0)

    [kept] = tmp_path.glob("tracefork-step-0-*.json")
    assert str(caught.value).endswith(f"what you wrote is kept in {kept}")
    assert kept.read_bytes()


def test_on_a_terminal_an_edit_that_cannot_be_used_is_opened_again(desk, editor):
    again = f"{TRAIN}\nexit()" + "\n"
    edit = f"""
tries = pathlib.Path("tries")
if tries.exists():
    file.write_text(tries.read_text())
{textwrap.indent(again, "    ")}
tries.write_text(file.read_text())
file.write_text("By train")
"""
    terminal, theirs = pty.openpty()
    os.write(terminal, b"y\n")
    env = {
        **os.environ,
        "MODEL_URL": desk.server.url,
        "VISUAL": editor(edit),
        "TMPDIR": str(desk.folder / "tmp"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tracefork", "fork", "main", "--at", "0", "--editor"],
        stdin=theirs,
        capture_output=True,
        text=True,
        cwd=desk.folder,
        env=env,
        timeout=60,
        check=True,
    )
    os.close(terminal)
    os.close(theirs)

    assert "this cannot be used: Expecting value" in done.stderr
    assert "Edit it again?" in done.stderr
    assert "By train, then." in done.stdout
    assert left_behind(desk) == []


def test_in_the_shell_too_an_edit_is_kept_and_nothing_is_run(desk, editor):
    edit = "file.write_text('By train')"
    done = desk("fork", "last", "--at", "0", "--editor", code=2, EDITOR=editor(edit), VISUAL=None)

    [kept] = left_behind(desk)
    assert f"what you wrote is kept in {kept}" in done.stderr
    assert "Traceback" not in done.stderr
    assert kept.read_text() == "By train"
    assert branches(desk) == []


def test_an_editor_that_fails_or_is_not_there_is_said(desk, editor):
    failed = desk("fork", "last", "--at", "0", "--editor", code=2, EDITOR=editor("sys.exit(3)"), VISUAL=None)
    [kept] = left_behind(desk)
    kept.unlink()
    missing = desk("fork", "last", "--at", "0", "--editor", code=2, EDITOR="/no/such/editor", VISUAL=None)

    assert "left with exit code 3" in failed.stderr
    assert "there is no editor '/no/such/editor'" in missing.stderr
    assert left_behind(desk) == []


def test_what_cannot_be_edited_is_said_before_an_editor_opens(desk, editor):
    done = desk("fork", "page", "--at", "0", "--editor", code=2, EDITOR=editor(TRAIN), VISUAL=None)

    assert "no API whose answers can be changed here" in done.stderr
    assert not (desk.folder / "seen.json").exists()
