"""Foreign servers as processes: started on a free port of loopback, awaited, and stopped whatever happens."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BORN = 30.0
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
def serving(*command: str) -> Iterator[str]:
    """Run `command` until the block is left; the URL that it serves.

    Raises:
        RuntimeError: it ended, or did not listen in time; with what it printed.
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
            if not _listens(process, port):
                said.seek(0)
                raise RuntimeError(f"{command[0]} does not serve: {said.read().decode(errors='replace')}")
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + BORN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(DEAD)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(DEAD)
