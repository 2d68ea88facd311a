"""Each step says which line of the agent asked, and a failed run keeps its traceback."""

import asyncio
import threading
from pathlib import Path

import httpx
import pytest

import tracefork
from tracefork import TapeStore
from tracefork.host import callsite
from tracefork.host.callsite import MOST, cut_traceback, format_traceback

HERE = "session/test_sites.py"


def server(request):
    return httpx.Response(200, json={"path": request.url.path})


def make_client():
    return httpx.Client(transport=httpx.MockTransport(server))


def ask(client, path="/one"):
    return client.get(f"http://m{path}")


def lines_of(function):
    first = function.__code__.co_firstlineno
    return f"{HERE}:{first + 1} in {function.__name__}"


@pytest.fixture(autouse=True)
def _in_folder_of_tests(monkeypatch):
    """The site is cached by file, so the folder is the one that the whole suite runs in, or its parent."""
    monkeypatch.setattr(callsite, "show_file", lambda file, _: "/".join(Path(file).parts[-2:]))
    monkeypatch.setattr("tracefork.host.callsite._known", {})


def test_a_step_names_the_innermost_line_of_the_agent():
    with make_client() as client, tracefork.record() as run:
        ask(client)
        ask(client)
        client.get("http://m/two")

    here = test_a_step_names_the_innermost_line_of_the_agent
    assert [step.site for step in run.tape][:2] == [lines_of(ask)] * 2
    assert run.tape[2].site == f"{HERE}:{here.__code__.co_firstlineno + 4} in {here.__name__}"


def test_a_task_and_a_thread_are_followed_to_the_agents_line():
    async def ask_so():
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            await client.get("http://m/3")

    def start():
        thread = threading.Thread(target=ask, args=(make_client(),))
        thread.start()
        thread.join()

    with tracefork.record() as run:
        asyncio.run(ask_so())
        start()

    assert [step.site.rpartition(" in ")[2] for step in run.tape] == ["ask_so", "ask"]


def test_a_tool_names_who_called_it():
    @tracefork.tool
    def book(seat):
        return seat

    def choose():
        return book("4A")

    with tracefork.record() as run:
        choose()

    assert run.tape.effects[0].site == lines_of(choose)


def test_what_is_installed_is_not_the_agents_own_unless_nobody_else_asked(tmp_path):
    folder = tmp_path / "site-packages" / "crewlike"
    folder.mkdir(parents=True)
    code = compile("def run(fn, *args):\n    return fn(*args)\n", str(folder / "core.py"), "exec")
    framework = {"__name__": "crewlike.core"}
    exec(code, framework)
    client = make_client()

    with tracefork.record() as run:
        framework["run"](ask, client)
        framework["run"](client.get, "http://m/2")
        thread = threading.Thread(target=framework["run"], args=(client.get, "http://m/3"))
        thread.start()
        thread.join()

    mine, called, alone = (step.site for step in run.tape)
    assert mine == lines_of(ask)
    assert called.endswith(test_what_is_installed_is_not_the_agents_own_unless_nobody_else_asked.__name__)
    assert alone == "crewlike/core.py:2 in run"


def test_sites_survive_a_store_a_fork_and_a_killed_recording(tmp_path):
    with (
        TapeStore.open(tmp_path / "runs.db") as store,
        make_client() as client,
        tracefork.record(store, run_id="r") as run,
    ):
        ask(client)
        so_far = store.load("r")
        ask(client, "/two")
    with TapeStore.open(tmp_path / "runs.db") as store:
        sealed = store.load("r")

    assert [step.site for step in so_far] == [lines_of(ask)]
    assert [step.site for step in sealed] == [lines_of(ask)] * 2 == [step.site for step in run.tape]


def test_a_line_is_no_part_of_what_a_run_is():
    def other(client):
        return client.get("http://m/one")

    with make_client() as client, tracefork.record() as one:
        ask(client)
    with make_client() as client, tracefork.record() as two:
        other(client)

    assert one.tape[0].site != two.tape[0].site
    assert one.tape.digest() == two.tape.digest()
    assert one.tape[0].request == two.tape[0].request


def test_a_file_below_the_working_folder_is_shown_from_there(tmp_path, monkeypatch):
    monkeypatch.undo()

    assert callsite.show_file(str(tmp_path / "agents" / "crew.py"), str(tmp_path)) == "agents/crew.py"
    assert callsite.show_file("/home/ann/work/secret/crew.py", str(tmp_path)) == "secret/crew.py"
    assert callsite.show_file("crew.py", str(tmp_path)) == "crew.py"
    assert callsite.show_file("<string>", str(tmp_path)) == "<string>"
    assert callsite.show_file("/home/ann/crew.py", "") == "ann/crew.py"


def test_a_program_that_goes_to_another_folder_is_shown_from_there(tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "agents").mkdir()
    file = tmp_path / "agents" / "crew.py"
    file.write_text("def ask(client):\n    return client.get('http://m/1')\n")
    agent = {"__name__": "crew"}
    exec(compile(file.read_text(), str(file), "exec"), agent)
    client, sites = make_client(), []
    for folder in (tmp_path, tmp_path / "agents"):
        monkeypatch.chdir(folder)
        with tracefork.record() as run:
            agent["ask"](client)
        sites.append(run.tape[0].site)

    assert sites == ["agents/crew.py:2 in ask", "crew.py:2 in ask"]


# -- tracebacks ------------------------------------------------------------------------


def fail(why):
    try:
        {}["seat"]
    except KeyError as exc:
        raise ValueError(why) from exc


def test_a_failed_run_keeps_the_traceback_and_its_cause():
    with pytest.raises(ValueError, match="no seat"), tracefork.record() as run:
        fail("no seat")

    told = run.tape.outcome.traceback
    assert run.tape.outcome.word == "failed"
    assert "KeyError: 'seat'" in told
    assert "direct cause" in told
    assert told.rstrip().endswith("ValueError: no seat")
    assert 'File "session/test_sites.py", line' in told
    assert "raise ValueError(why) from exc" in told
    assert str(Path(__file__).parent) not in told


def test_a_traceback_is_kept_without_the_secrets_that_it_shows(tmp_path, monkeypatch):
    monkeypatch.setenv("BOOKING_API_KEY", "sk-proj-4f9d8e7c6b5a493827161504")
    with (
        TapeStore.open(tmp_path / "runs.db") as store,
        pytest.raises(ValueError, match="bad key"),
        tracefork.record(store, run_id="r") as run,
    ):
        fail("bad key sk-proj-4f9d8e7c6b5a493827161504")

    assert "4f9d8e7c6b5a" not in run.tape.outcome.traceback
    assert b"4f9d8e7c6b5a" not in (tmp_path / "runs.db").read_bytes()
    with TapeStore.open(tmp_path / "runs.db") as store:
        assert store.load("r").outcome.traceback == run.tape.outcome.traceback


def test_a_run_that_ended_well_or_was_cut_short_has_none():
    with tracefork.record() as run:
        pass

    assert (run.tape.outcome.word, run.tape.outcome.traceback) == ("finished", "")
    assert tracefork.Tape().outcome.word == "cut short"


def test_endless_recursion_and_hostile_exceptions_leave_a_short_traceback():
    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError("not even this")

    def recurse(n):
        return recurse(n + 1)

    def caught(fn):
        try:
            fn()
        except BaseException as exc:
            return exc
        return None

    def group():
        raise ExceptionGroup("several", [ValueError("x" * 100_000), KeyError("b")])

    def hostile():
        raise Hostile

    def noted():
        error = ValueError("said")
        error.__notes__ = Unreadable()
        raise error

    assert "RecursionError" in format_traceback(caught(lambda: recurse(0)))
    assert "Hostile" in format_traceback(caught(hostile))
    assert "KeyError: 'b'" in format_traceback(caught(group))
    assert len(cut_traceback(format_traceback(caught(group)))) < MOST + 200
    assert "in noted" in format_traceback(caught(noted))


class Unreadable:
    """Notes of an exception that raise when they are read."""

    def __iter__(self):
        raise RuntimeError("not even this")

    __repr__ = __str__ = __iter__


def test_a_chain_of_a_thousand_causes_keeps_its_traceback():
    error = None
    for n in range(1_000):
        try:
            raise ValueError(f"try {n}") from error
        except ValueError as exc:
            error = exc

    assert format_traceback(error).rstrip().endswith("ValueError: try 999")


def test_a_secret_across_the_cut_of_a_long_traceback_is_not_kept_in_part(monkeypatch):
    key = "QwZq9XkV77pLm3TfYbR5uHs2DgJc8eNx"
    monkeypatch.setenv("MY_API_KEY", key)
    for shift in range(0, 40, 3):
        told = "x" * (MOST // 3 - 700 + shift * 20) + key + "y" * MOST
        with pytest.raises(ValueError, match="x"), tracefork.record() as run:
            raise ValueError(told)
        assert not any(key[n : n + 8] in run.tape.outcome.traceback for n in range(len(key) - 8))


def test_a_secret_in_the_path_of_the_agent_is_taken_out_of_its_site(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    key = "Zq9XkV77pLm3TfYbR5uH"
    monkeypatch.setenv("MY_API_KEY", key)
    agent = {"__name__": "crew"}
    code = "def ask(client):\n    client.get('http://m/1')\n"
    exec(compile(code, f"{tmp_path}/runs/{key}/a.py", "exec"), agent)
    with TapeStore.open("runs.db") as store, make_client() as client:
        with tracefork.record(store, run_id="r") as run:
            agent["ask"](client)
        with tracefork.rerun(run.tape, store=store) as again:
            agent["ask"](client)

    for tape in (run.tape, again.tape):
        assert tape[0].site == "runs/[secret:MY_API_KEY]/a.py:2 in ask"
    assert key.encode() not in (tmp_path / "runs.db").read_bytes()


def test_a_path_without_end_is_cut(monkeypatch):
    monkeypatch.undo()

    assert len(callsite.show_file("a" * 1_000_000, "")) <= callsite.LONGEST + 1
