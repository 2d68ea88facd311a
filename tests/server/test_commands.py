"""`tracefork serve` and `tracefork report`, in processes of their own."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from report import stories
from server.asking import asked
from server.conftest import filled

from tracefork import Branch, TapeStore
from tracefork.core.tape import Tape
from tracefork.core.values import RETURNED, Exchange, Request, Response
from tracefork.server import Door, serving

RUN = stories.release().run_id
SUFFIXES = {"html": "html", "static": "html", "markdown": "md", "text": "txt"}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "runs.db"
    filled(path).close()
    return path


@pytest.fixture
def desk(tmp_path, original, command_line):
    shutil.copy(original, tmp_path)

    def tracefork(*words, code=0, without=""):
        done = command_line(words, tmp_path, dict(os.environ), without)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    tracefork.path = tmp_path
    return tracefork


@contextmanager
def serve(path, *words, **environ):
    """A server process, and the door that it printed."""
    command = [sys.executable, "-m", "tracefork", "serve", "--store", str(path), "--no-open", *words]
    pipes, env = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, {**os.environ, **environ}
    process = subprocess.Popen(command, **pipes, text=True, env=env)
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]+)\n", line)
        assert found, line + process.stderr.read()
        assert process.stdout.readline() == "Ctrl-C ends it.\n"
        yield process, Door(int(found[1]), found[2])
    finally:
        process.kill()
        process.communicate()


TABLES = ("tcp", "tcp6")


def table(name):
    """The sockets that the system has."""
    return Path("/proc/net", name).read_text().splitlines()[1:]


def free():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


# -- serve -----------------------------------------------------------------------------


@pytest.mark.slow
def test_serve_prints_an_address_that_opens_the_store_and_ctrl_c_ends_it(desk):
    with serve(desk.path / "runs.db") as (process, door):
        assert asked(door, f"/?token={door.token}").status == 303
        assert asked(door, "/api/runs").status == 403
        assert len(asked(door, f"/api/runs?token={door.token}").json) == 6
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

        assert (process.returncode, out.strip(), err) == (0, "", "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", door.port))


@pytest.mark.slow
def test_ctrl_c_ends_it_while_somebody_watches(desk):
    with TapeStore.open(desk.path / "runs.db") as store:
        from server.growing import Growing, story

        Growing(store, story(3)).step()
        with serve(desk.path / "runs.db") as (process, door):
            with socket.create_connection(("127.0.0.1", door.port)) as sock:
                at = f"/api/run/growing/live?token={door.token}"
                ask = f"GET {at} HTTP/1.1\r\nHost: localhost:{door.port}\r\n\r\n"
                sock.sendall(ask.encode())
                assert b"200 OK" in sock.recv(1_000)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=20)

            assert (process.returncode, err) == (0, "")


@pytest.mark.slow
def test_what_the_browser_is_started_with_is_worth_nothing_once_it_has_used_it(desk):
    """Any user of the machine can read the arguments of a program."""
    browser, given = desk.path / "browser", desk.path / "given"
    browser.write_text(f'#!/bin/sh\necho "$@" > {given}.new && mv {given}.new {given}\n')
    browser.chmod(0o700)
    with serve(desk.path / "runs.db", "--open", BROWSER=str(browser)) as (process, door):
        deadline = time.monotonic() + 20
        while not given.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        address = given.read_text().strip()
        at = address.removeprefix(f"http://127.0.0.1:{door.port}")

        assert door.token not in address
        assert door.token not in "".join(Path(f"/proc/{process.pid}/cmdline").read_text())
        assert asked(door, at).status == 303
        assert asked(door, at).status == 403


@pytest.mark.slow
def test_it_listens_on_loopback_alone(desk):
    with serve(desk.path / "runs.db") as (process, door):
        listening, six = (
            [row.split()[1] for row in table(name) if row.split()[3] == "0A"] for name in TABLES
        )
        port = f"{door.port:04X}"

        assert [at for at in listening if at.endswith(f":{port}")] == [f"0100007F:{port}"]
        assert not [at for at in six if at.endswith(f":{port}")]


@pytest.mark.slow
def test_a_port_that_is_named_is_used_and_one_that_is_taken_is_said_so(desk):
    port = free()
    with serve(desk.path / "runs.db", "--port", str(port)) as (process, door):
        assert door.port == port
        done = desk("serve", "--no-open", "--port", str(port), code=2)

        assert (
            f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port" in done.stderr
        )
        assert "Traceback" not in done.stderr
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    with serve(desk.path / "runs.db", "--port", str(port)):
        pass  # at once, on the same port


@pytest.mark.slow
@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_wrong_usage(desk, port):
    done = desk("serve", "--no-open", "--port", port, code=2)

    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", [-1, 65_536, 10**9])
def test_in_a_program_it_is_an_error_of_ours(port):
    from tracefork.errors import StoreError

    with TapeStore.open(":memory:") as store, pytest.raises(StoreError, match="cannot listen"):
        with serving(store, port):
            pass


@pytest.mark.slow
def test_a_store_that_is_not_there_is_said_so_and_not_made(desk):
    done = desk("serve", "--no-open", "--store", "none.db", code=2)

    assert "there is no store at none.db" in done.stderr
    assert not (desk.path / "none.db").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "part", "said"),
    [
        ("serve", "starlette", "the server needs starlette: pip install 'tracefork[server]'"),
        ("serve", "uvicorn", "the server needs uvicorn: pip install 'tracefork[server]'"),
        ("serve", "jinja2", "a page needs jinja2: pip install 'tracefork[report]'"),
        ("report", "jinja2", "a page needs jinja2: pip install 'tracefork[report]'"),
    ],
)
def test_what_is_not_installed_is_named_with_how_to_have_it(desk, command, part, said):
    words = [RUN] if command == "report" else ["--no-open"]
    done = desk(command, *words, code=2, without=part)

    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_other_commands_and_other_formats_need_none_of_it(desk):
    assert "payments-release" in desk("ls", without="jinja2").stdout
    assert "payments-release" in desk("report", RUN, "--format", "text", "-o", "-", without="jinja2").stdout


# -- report ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "suffix", "beginning"),
    [
        ("html", ".html", "<!doctype html>"),
        ("static", ".html", "<!doctype html>"),
        ("markdown", ".md", "#"),
        ("text", ".txt", ""),
    ],
)
def test_a_report_is_written_in_each_format_to_a_file_or_to_standard_output(desk, form, suffix, beginning):
    file = desk.path / f"{RUN}{suffix}"
    said = desk("report", RUN, "--format", form).stdout
    out = desk("report", RUN, "--format", form, "-o", "-").stdout

    text = file.read_text("utf-8")
    assert text.startswith(beginning)
    assert "payments-release" in text
    assert out == text
    assert said == f"{file.name}: 10 steps, {file.stat().st_size:,} bytes\n"
    assert ("<script>" in text) == (form == "html")


def test_a_report_says_what_it_wrote_as_json_too(desk):
    told = json.loads(desk("report", RUN, "-o", "x.html", "--json").stdout)

    assert told == {"file": "x.html", "bytes": (desk.path / "x.html").stat().st_size, "run_id": RUN}


@pytest.mark.slow
def test_a_report_that_is_imported_is_the_run_again(desk):
    for run in (RUN, "every/kind"):
        desk("report", run, "-o", "back.html")
        desk("import", "back.html", "--store", "other.db")
        with TapeStore.open(desk.path / "other.db") as store, TapeStore.open(desk.path / "runs.db") as before:
            assert store.load(run).digest() == before.load(run).digest()
            assert store.load(run) == before.load(run)
    assert "every/kind" in desk("show", "back.html", "--store", "none.db").stdout


@pytest.mark.slow
def test_branches_are_in_it_unless_they_are_not_wanted(desk):
    whole = desk("report", RUN, "--format", "text", "-o", "-").stdout
    alone = desk("report", RUN, "--format", "text", "-o", "-", "--no-branches").stdout

    assert "stops on the failed test" in whole
    assert "stops on the failed test" not in alone


@pytest.mark.slow
def test_a_damaged_branch_is_left_out_with_a_warning(desk):
    noise = random.Random(1).randbytes(200_000).hex()
    story = [*stories.STORY[:3], (noise, None, None)]  # of a small log every byte is looked at to list it
    with filled(desk.path / "runs") as store:
        store.save(stories.release(story, run_id="b-noise", parent=Branch(RUN, 3, "makes noise")))
    log = desk.path / "runs" / f"{sha256(b'b-noise').hexdigest()}.log"
    data = bytearray(log.read_bytes())
    data[len(data) * 2 // 3] ^= 4
    log.write_bytes(data)
    done = desk("report", RUN, "--store", "runs", "--format", "text", "-o", "-")

    assert "the test passes" in done.stdout
    assert "makes noise" not in done.stdout
    assert "warning: without branch b-noise: " in done.stderr
    assert "damaged" in done.stderr


@pytest.mark.slow
def test_prices_of_ones_own_are_those_of_the_report(desk):
    (desk.path / "dear.json").write_text(
        '{"as_of": "2026-11-25", "models": {"claude-sonnet-4-5": {"input": 1e9, "output": 0}}}'
    )
    (desk.path / "none.json").write_text("{}")
    for form in SUFFIXES:
        said = desk("report", RUN, "--prices", "dear.json", "--format", form, "-o", "-").stdout
        assert re.search(r"\$[\d,]{5,}\.\d\d", said)
        assert not re.search(r"\$[\d,]{5,}\.\d\d", desk("report", RUN, "--format", form, "-o", "-").stdout)

    for command in (["report", RUN], ["serve", "--no-open"]):
        assert 'has no "models"' in desk(*command, "--prices", "none.json", code=2).stderr
        assert "No such file" in desk(*command, "--prices", "gone.json", code=2).stderr


@pytest.mark.slow
def test_two_runs_do_not_share_a_file(desk):
    names = ["a/b", "a b", "a_b", ".a_b", "名", "前", "x" * 200, "x" * 201, "run"]
    with TapeStore.open(desk.path / "odd.db") as store:
        for name in names:
            store.save(stories.release(stories.STORY[:1], run_id=name))
    for name in names:
        desk("report", name, "--store", "odd.db", "--format", "text")

    assert len(list(desk.path.glob("*.txt"))) == len(names)
    assert (desk.path / "a_b.txt").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "held", ["my own notes", "<!doctype html><title>my own page</title>", "", "\x00\xff binary"], ids=ascii
)
def test_a_file_of_somebody_else_is_not_replaced(desk, held):
    file = desk.path / "mine.html"
    file.write_text(held, "latin-1")
    done = desk("report", RUN, "-o", "mine.html", code=2)

    assert "mine.html is there already; choose another --output, or pass --force" in done.stderr
    assert file.read_text("latin-1") == held
    desk("report", RUN, "-o", "mine.html", "--force")
    assert "payments-release" in file.read_text()
    desk("report", "b-held", "-o", "mine.html")  # one of ours is
    assert "b-held" in file.read_text()


@pytest.mark.slow
def test_a_text_is_never_replaced_unasked(desk):
    desk("report", RUN, "-o", "a.md", "--format", "markdown")
    desk("report", RUN, "-o", "a.md", "--format", "markdown", code=2)
    desk("report", RUN, "-o", "a.md", "--format", "markdown", "--force")


@pytest.mark.slow
def test_a_page_is_no_place_for_a_text(desk):
    desk("report", RUN, "-o", "a.html")

    desk("report", RUN, "-o", "a.html", "--format", "text", code=2)


@pytest.mark.parametrize("target", ["folder", "gone/x.html", "/proc/x.html"])
def test_a_place_that_cannot_be_written_is_said_so(desk, target):
    (desk.path / "folder").mkdir()
    done = desk("report", RUN, "-o", target, code=2)

    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr


NAMES = [
    "../../up",
    "a/b",
    ".hidden",
    "..",
    "-o",
    "名" * 100,
    "a" * 512,
    "C:\\x",
    "\ud800",
    "a b\nc",
    "\x00",
    "—",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_the_file_is_named_for_the_run_and_stays_in_the_folder(desk, name):
    with TapeStore.open(desk.path / "odd.db") as store:
        store.save(stories.release(stories.STORY[:1], run_id=name))
    before = {file.name for file in desk.path.iterdir()}
    desk("report", "last", "--store", "odd.db", "--format", "text")
    (made,) = {file.name for file in desk.path.iterdir()} - before

    assert made.endswith(".txt")
    assert made.isascii()
    assert len(made) < 120
    assert not made.startswith((".", "-"))


def halves():
    """A run that speaks in half surrogate pairs, which no UTF-8 can say, and in other odd characters."""
    messages = [{"role": "user", "content": "half \ud83d of it \x00 \u202e"}]
    content = [{"type": "text", "text": "\udc00 so"}]
    said = json.dumps({"model": "m\ud800", "messages": messages})
    body = json.dumps({"type": "message", "role": "assistant", "model": "m", "content": content})
    step = Exchange(
        Request("POST", stories.URL, (("a", "b"),), said.encode()),
        Response(200, (("content-type", "application/json"),), (body.encode(),)),
    )
    parent = Branch("p\ud800", 0, "n\ud800", "d")
    return Tape((step,), run_id="h\ud800", agent_name="agent \udfff", outcome=RETURNED, parent=parent)


@pytest.mark.slow
@pytest.mark.parametrize("form", SUFFIXES)
def test_what_no_encoding_can_say_does_not_stop_a_report(desk, form):
    with TapeStore.open(desk.path / "odd.db") as store:
        store.save(halves())
    words = ["report", "last", "--store", "odd.db", "--format", form]
    desk(*words)

    assert desk(*words, "-o", "-").stdout == next(desk.path.glob(f"h_-*.{SUFFIXES[form]}")).read_text("utf-8")


@pytest.mark.slow
def test_what_a_terminal_cannot_say_does_not_stop_a_report(desk):
    with TapeStore.open(desk.path / "odd.db") as store:
        store.save(halves())
    words = ["report", "last", "--store", "odd.db", "--format", "text"]
    desk(*words)
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    start = [sys.executable, "-m", "tracefork", *words, "-o", "-"]
    done = subprocess.run(start, capture_output=True, cwd=desk.path, env=environ, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == next(desk.path.glob("h_-*.txt")).read_bytes()
