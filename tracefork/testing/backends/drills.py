"""
Tests that need processes of their own: forks, and writers that are killed while they write.

A drill is run in a fresh interpreter, which has one thread and may fork; it opens the storage
through the same subclass of BackendTests and reports by its exit code.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tracefork.backends.base import Backend

KILLS = 10
FORKS = 5
_CHILD_PATIENCE = 30  # seconds
_ALIVE = 0.03  # seconds that a writer has at most
_PATIENCE = 120  # seconds for a whole drill


class Suite(Protocol):
    def new(self, tmp_path: Path) -> Backend: ...


def run_drill(suite: Suite, drill: Callable[[Suite, Path], None], folder: Path) -> None:
    """Run `drill(suite, folder)` in a fresh interpreter.

    Raises:
        AssertionError: it failed there; the message is its traceback.
    """
    kind = type(suite)
    ticket = json.dumps(
        {
            "path": sys.path,
            "module": kind.__module__,
            "file": inspect.getfile(kind),
            "suite": kind.__qualname__,
            "drill": drill.__name__,
            "folder": str(folder),
        }
    )
    start = (
        f"import json, sys; sys.path[:] = json.loads(sys.argv[1])['path']; import {__name__} as d; d.main()"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", start, ticket],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def main() -> None:
    """The fresh interpreter's part; the ticket is its first argument."""
    ticket = json.loads(sys.argv[1])
    suite = _load(ticket["module"], ticket["file"])
    for part in ticket["suite"].split("."):
        suite = getattr(suite, part)
    assert callable(suite)
    {drill.__name__: drill for drill in (kill_writers, fork_and_append)}[ticket["drill"]](
        suite(), Path(ticket["folder"])
    )


def kill_writers(suite: Suite, folder: Path) -> None:
    """Kill writers at random moments: all that was acknowledged is there, and appending goes on."""
    chance = random.Random(folder.name)  # noqa: S311 - moments, not secrets
    acked = 0
    for _ in range(KILLS):
        acked = max(acked, _kill_writer(suite, folder, chance.uniform(0, _ALIVE)))
        backend = suite.new(folder)
        held = list(backend.chunks("log")) if acked else _read_all(backend)

        assert len(held) >= acked
        assert held == [_chunk(seq) for seq in range(len(held))]

        backend.append("log", len(held), _chunk(len(held)))
        acked = len(held) + 1
        backend.close()


def fork_and_append(suite: Suite, folder: Path) -> None:
    """Parent and children go on with a backend that a thread was using at the moment of the fork."""
    backend = suite.new(folder)
    backend.append("before", 0, b"whole")
    stop = threading.Event()
    busy = threading.Thread(target=_append_until, args=(backend, stop))
    busy.start()
    try:
        for child in range(FORKS):
            _, status = os.waitpid(_forked_child(backend, f"child {child}"), 0)
            assert status == 0, f"the child ended with {status}"
    finally:
        stop.set()
        busy.join()

    held = list(backend.chunks("busy"))
    assert held == [_chunk(seq) for seq in range(len(held))]
    if getattr(suite, "persistent", True):
        for child in range(FORKS):
            assert list(backend.chunks(f"child {child}")) == [_chunk(seq) for seq in range(20)]
    backend.append("before", 1, b"and after")
    backend.close()


def _forked_child(backend: Backend, log: str) -> int:
    child = os.fork()
    if child == 0:
        signal.alarm(_CHILD_PATIENCE)  # a lock that was held at the fork would never be given back
        code = 1
        try:
            assert list(backend.chunks("before")) == [b"whole"]
            for seq in range(20):
                backend.append(log, seq, _chunk(seq))
            assert list(backend.chunks(log)) == [_chunk(seq) for seq in range(20)]
            backend.close()
            code = 0
        except BaseException:  # noqa: BLE001 - the exit code tells the parent
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def _append_until(backend: Backend, stop: threading.Event) -> None:
    seq = 0
    while not stop.is_set():
        backend.append("busy", seq, _chunk(seq))
        seq += 1
        time.sleep(0)


def _kill_writer(suite: Suite, folder: Path, alive: float) -> int:
    """How many chunks a writer acknowledged, which was killed after `alive` seconds of appending."""
    back, forth = os.pipe()
    writer = os.fork()
    if writer == 0:
        os.close(back)
        try:
            _write_for_ever(suite.new(folder), forth)
        finally:
            os._exit(1)
    os.close(forth)
    with os.fdopen(back, "rb") as acks:
        acked = acks.read(8)  # the first ack: it writes now
        time.sleep(alive)
        os.kill(writer, signal.SIGKILL)
        acked += acks.read()
    _, status = os.waitpid(writer, 0)
    assert os.WIFSIGNALED(status), "the writer died of itself"
    return int.from_bytes(acked[len(acked) // 8 * 8 - 8 :][:8], "little") + 1


def _write_for_ever(backend: Backend, forth: int) -> None:
    seq = len(_read_all(backend))
    while True:
        backend.append("log", seq, _chunk(seq))
        os.write(forth, seq.to_bytes(8, "little"))
        seq += 1


def _read_all(backend: Backend) -> list[bytes]:
    return list(backend.chunks("log")) if any(name == "log" for name, _ in backend.heads()) else []


def _chunk(seq: int) -> bytes:
    return b"%d." % seq * (1 + seq * 7919 % 2_000)


def _load(module: str, file: str) -> object:
    """The module that holds the subclass: by its name if that leads to the same file, else by the file."""
    spec = None
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(module)
    if spec is not None and spec.origin and Path(spec.origin).resolve() == Path(file).resolve():
        return importlib.import_module(module)
    spec = importlib.util.spec_from_file_location(module, file)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[module] = found
    spec.loader.exec_module(found)
    return found
