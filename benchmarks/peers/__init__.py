"""The same exchanges, recorded by tracefork and by its peers, each in an environment of its own.

`driver.py` is the agent, `server.py` the model, `wire.py` what they have in common;
these three need nothing of ours. How each recorder is used stands in
`benchmarks/fidelity`. Environments are made with `pip`, once, under `.benchmarks/`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from attrs import frozen

from benchmarks import corpora, fidelity
from benchmarks.peers import wire
from tracefork import Exchange

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".benchmarks" / "peers"
PATIENCE = 900  # seconds for one recording
REPLAYED = 50  # turns: matching bodies takes one of them minutes at 400
NAMES = ("bare", *fidelity.COLUMNS)


@frozen
class Missing:
    """Why a peer could not be measured."""

    why: str


@frozen
class Measured:
    """What a recording took: bytes of its files, CPU seconds a turn, bytes of memory at its peak.

    `replay` is CPU seconds a turn of the replay, and `same` whether it gave every
    answer as it was; both are None where it was not tried.
    """

    bytes: int
    seconds: float
    memory: int
    replay: float | None = None
    same: bool | None = None


@cache
def compared(turns: int) -> dict[str, Measured | Missing]:
    """A run that grows, by each recorder; `bare` is the agent without any. Short ones are replayed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "exchanges"
        wire.write(file, map(wired, corpora.alone("A", turns)))
        return {name: _measured(name, file, replay=turns <= REPLAYED) for name in NAMES}


def _measured(name: str, file: Path, *, replay: bool) -> Measured | Missing:
    python = environment(name)
    return python if isinstance(python, Missing) else measured(python, name, file, replay=replay)


def measured(python: str, name: str, file: Path, *, replay: bool = False) -> Measured | Missing:
    """One recorder, by the interpreter in whose environment it is."""
    with _serving(file) as warm, _serving(file) as url:
        more = ["replay"] if replay and name != "bare" else []
        command = [python, str(HERE / "driver.py"), name, str(file), warm, url, *more]
        its = {**os.environ, "PYTHONPATH": str(fidelity.HERE)}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=its
            )
        except subprocess.TimeoutExpired:
            return Missing(f"not done after {PATIENCE} s")
    if done.returncode:
        return Missing((done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1])
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


@cache
def environment(name: str) -> str | Missing:
    """The interpreter of an environment that holds the recorder; ours for us and for none."""
    if name in ("bare", "tracefork"):
        return sys.executable
    peer, folder = fidelity.COLUMNS[name], ENVIRONMENTS / name.replace(" ", "-")
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        base = interpreter(peer.python)
        if base is None:
            return Missing(f"{peer.python} is not installed")
        shutil.rmtree(folder, ignore_errors=True)
        for command in (
            [base, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "-q", peer.requirement, "httpx"],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                return Missing((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        ready.touch()
    return str(python)


def interpreter(name: str) -> str | None:
    """A Python that works: `name` on the path, or the newest of that version that pyenv has."""
    if _works(name):
        return shutil.which(name)
    if shutil.which("pyenv") is None:
        return None
    listed = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    wanted = name.removeprefix("python") + "."
    for version in reversed([line.strip() for line in listed.stdout.splitlines()]):
        if version.startswith(wanted):
            told = subprocess.run(["pyenv", "prefix", version], capture_output=True, text=True, check=False)
            python = str(Path(told.stdout.strip()) / "bin" / "python")
            if _works(python):
                return python
    return None


def _works(python: str) -> bool:
    if shutil.which(python) is None:
        return False
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def wired(one: Exchange) -> wire.Wire:
    parts = urlsplit(one.request.url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    asked, said = list(one.request.headers), list(one.response.headers)
    return wire.Wire(target, asked, one.request.body, one.response.status, said, list(one.response.chunks))


@contextmanager
def _serving(file: Path) -> Iterator[str]:
    """The model in a process of its own, so that what it costs is not the agent's."""
    command = [sys.executable, str(HERE / "server.py"), str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()
            server.wait(10)
