"""Processes that an agent starts in a replay can ask nobody, or are refused."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest

import tracefork
from tracefork.errors import Refused
from tracefork.isolation.processes import BASE_URLS, NOWHERE, PROXIES

EMPTY = tracefork.Tape()
TELL = "import json, os; json.dump(dict(os.environ), open({path!r}, 'w'))"


def command(path):
    return [sys.executable, "-c", TELL.format(path=str(path))]


def by_run(path):
    subprocess.run(command(path), check=True)


def by_run_with_an_environment(path):
    subprocess.run(
        command(path), check=True, env={"PATH": os.environ["PATH"], "HTTPS_PROXY": "http://real:1"}
    )


def by_popen_by_place(path):
    process = subprocess.Popen(
        command(path), -1, None, None, None, None, None, True, False, None, {"PATH": os.environ["PATH"]}
    )
    assert process.wait() == 0


def by_system(path):
    import shlex

    assert os.system(shlex.join(command(path))) == 0


def by_spawn(path):
    os.waitpid(os.posix_spawn(sys.executable, command(path), os.environ), 0)


def by_asyncio(path):
    async def main():
        process = await asyncio.create_subprocess_exec(*command(path))
        assert await process.wait() == 0

    asyncio.run(main())


def by_spawnv(path):
    assert os.spawnv(os.P_WAIT, sys.executable, command(path)) == 0


def by_spawnlpe(path):
    assert os.spawnlpe(os.P_WAIT, sys.executable, *command(path), {"PATH": os.environ["PATH"]}) == 0


def by_fork(path):
    if (child := os.fork()) == 0:
        try:
            os.execvp(sys.executable, command(path))
        finally:
            os._exit(1)
    os.waitpid(child, 0)


def by_terminal(path):
    import pty

    assert pty.spawn(command(path)) == 0


def by_uvloop(path):
    uvloop = pytest.importorskip("uvloop")

    async def main():
        process = await asyncio.create_subprocess_exec(*command(path))
        assert await process.wait() == 0

    uvloop.run(main())


def by_a_shell_of_uvloop(path):
    import shlex

    uvloop = pytest.importorskip("uvloop")

    async def main():
        process = await asyncio.create_subprocess_shell(shlex.join(command(path)))
        assert await process.wait() == 0

    uvloop.run(main())


WAYS = [
    by_run,
    by_run_with_an_environment,
    by_popen_by_place,
    by_system,
    by_spawn,
    by_asyncio,
    by_spawnv,
    by_spawnlpe,
    by_fork,
    by_terminal,
    by_uvloop,
    by_a_shell_of_uvloop,
]


@pytest.mark.parametrize("start", WAYS, ids=lambda start: start.__name__)
def test_in_a_replay_its_proxies_and_base_urls_lead_nowhere(start, tmp_path):
    with tracefork.replay(EMPTY, allow=("127.0.0.1:5432",)) as run:
        start(tmp_path / "env")
    told = json.loads((tmp_path / "env").read_text())

    assert {told[name] for name in (*PROXIES, *BASE_URLS)} == {NOWHERE}
    assert told["NO_PROXY"] == "127.0.0.1:5432"
    assert [one.kind for one in run.escaped] == ["process"]


@pytest.mark.parametrize("start", WAYS, ids=lambda start: start.__name__)
def test_in_a_recording_they_are_as_they_are(start, tmp_path):
    with tracefork.record():
        start(tmp_path / "env")
    assert NOWHERE not in (tmp_path / "env").read_text()


@pytest.mark.parametrize("start", WAYS, ids=lambda start: start.__name__)
@pytest.mark.parametrize("options", [{"processes": "refuse"}, {"strict": True}], ids=["refuse", "strict"])
def test_they_can_be_refused(start, options, tmp_path):
    with pytest.raises(Refused, match="process"), tracefork.replay(EMPTY, **options):
        start(tmp_path / "env")
    assert not (tmp_path / "env").exists()


def test_a_run_that_refused_processes_refuses_them_in_its_replay_too(tmp_path):
    with tracefork.record(processes="refuse") as run:
        run.call("tool", len, "a")

    def agent(run):
        run.call("tool", len, "a")
        by_run(tmp_path / "env")

    verdict = tracefork.verify(run.tape, agent)
    assert not verdict.ok and isinstance(verdict.error, Refused)
    assert not (tmp_path / "env").exists()


SPAWNING = """
import os, sys, tracefork

def child(path):
    open(path, "w").write(os.environ.get("HTTPS_PROXY", ""))

if __name__ == "__main__":
    with tracefork.replay(tracefork.Tape()) as run:
        import multiprocessing
        process = multiprocessing.get_context(sys.argv[2]).Process(target=child, args=(sys.argv[1],))
        process.start()
        process.join(30)
    print(*sorted({one.kind for one in run.escaped}), len(run.refused))
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_multiprocessing_that_is_imported_within_the_block_is_seen(method, tmp_path):
    (tmp_path / "agent.py").write_text(SPAWNING)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "agent.py"), str(tmp_path / "env"), method],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["process", "0"], done.stderr
    assert (tmp_path / "env").read_text() == NOWHERE


ASKING = """
import sys, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=5).read()
    print("asked")
except OSError:
    print("could not")
"""


def test_what_a_child_would_ask_is_not_asked_again(tmp_path):
    """As an agent's SDK that starts its vendor's program, which asks the model."""
    from tracefork import Response
    from tracefork.testing.scripted import by_rule
    from tracefork.testing.server import LoopbackServer

    with LoopbackServer(by_rule(lambda _: Response(200, (), (b"ok",)))) as server:

        def agent(run):
            run.call("tool", len, "a")
            done = subprocess.run([sys.executable, "-c", ASKING, server.url], capture_output=True, check=True)
            return done.stdout

        with tracefork.record() as run:
            assert agent(run) == b"asked\n"
        said = []
        verdict = tracefork.verify(run.tape, lambda run: said.append(agent(run)))

        assert said == [b"could not\n"] and len(server.requests) == 1
        assert verdict.ok and len(verdict.processes) == 1
