"""Foreign servers as processes: started on a free port of loopback, awaited, and stopped whatever happens."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BORN = 60.0
"""Seconds; the most that a peer may take until it listens."""

DEAD = 5.0
"""Seconds; the most that a peer may take to end when it is asked to, before it is killed."""

PORT = "{port}"
"""Stands in a command for the port."""


def beside_python(name: str) -> str | None:
    """The script that a package has installed into this environment, or that is on the path."""
    own = Path(sys.executable).with_name(name)
    return str(own) if own.is_file() else shutil.which(name)


@contextmanager
def serving(*command: str, health: str = "") -> Iterator[str]:
    """Run `command` until the block is left; the URL that it serves.

    Args:
        command: what to run, with PORT in it.
        health: a path that is 200 once the server is able to answer; without one it is when it listens.

    Raises:
        RuntimeError: it ended, or was not able in time; with what it printed.
    """
    port = _free_port()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [part.replace(PORT, str(port)) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            if not _able(process, port, health):
                said.seek(0)
                raise RuntimeError(f"{command[0]} does not serve: {said.read().decode(errors='replace')}")
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _able(process: subprocess.Popen[bytes], port: int, health: str) -> bool:
    deadline = time.monotonic() + BORN
    while process.poll() is None and time.monotonic() < deadline:
        if _listens(port) and (not health or _is_well(port, health)):
            return True
        time.sleep(0.02)
    return False


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_well(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(DEAD)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(DEAD)
