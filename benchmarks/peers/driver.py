"""`python driver.py RECORDER FILE WARM URL [replay]`: an agent that asks what a file says, recorded.

WARM and URL are servers of the file, the first for what is thrown away. It prints
what came of it as JSON. It runs in the environment of the peer, where
nothing of ours need be installed; `benchmarks/fidelity` has to be on its path.
"""

from __future__ import annotations

import contextlib
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import recorders
from wire import Pairs, read

WARM = 2  # exchanges, before memory is looked at
_OWN = {"host", "content-length", "connection", "accept-encoding"}
_STATUS = Path("/proc/self/status")
_BODY = ("method", "scheme", "host", "port", "path", "query", "body")


class Bare(recorders.Recorder):
    """No recorder: what the agent costs by itself."""

    def record(self) -> Any:
        return contextlib.nullcontext()

    replay = record


class VcrByBody(recorders.Vcr):
    """vcrpy, matching bodies too: by its defaults all questions of an agent are one."""

    def replay(self) -> Any:
        import vcr

        return vcr.use_cassette(str(self.folder / "tape.yaml"), record_mode="none", match_on=_BODY)


RECORDERS = {**recorders.RECORDERS, "bare": Bare, "vcrpy": VcrByBody}


def agent(recorder: recorders.Recorder, file: Path, url: str, most: int = sys.maxsize) -> tuple[int, bool]:
    """Ask everything; return how much was asked, and whether each answer was the one in the file."""
    count, same = 0, True
    with recorder.client(httpx, timeout=60) as client:
        for one in read(file):
            if count == most:
                break
            answer = client.post(url + one.target, content=one.body, headers=_sent(one.asked))
            same &= answer.content == b"".join(one.chunks)
            count += 1
    return count, same


def measured(name: str, file: Path, url: str, *, replay: bool) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        recorder = RECORDERS[name](Path(folder))
        gc.collect()
        _forget_peak()
        before, began = _status("VmRSS"), time.process_time()
        with recorder.record():
            count, _ = agent(recorder, file, url)
        told: dict[str, object] = {
            "seconds": (time.process_time() - began) / count,
            "memory": _status("VmHWM") - before,
            "bytes": sum(path.stat().st_size for path in recorder.files() if "checkpoint" not in path.name),
        }
        if replay:
            began = time.process_time()
            with recorder.replay():
                _, same = agent(recorder, file, url)
            told |= {"replay": (time.process_time() - began) / count, "same": same}
        return told


def warm(name: str, file: Path, url: str) -> None:
    """Import what the recorder imports when it is used; what it says is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = RECORDERS[name](Path(folder))
        with recorder.record():
            agent(recorder, file, url, WARM)


def _sent(asked: Pairs) -> Pairs:
    return [(name, value) for name, value in asked if name not in _OWN]


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _status(field: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    _, name, file, other, url, *more = sys.argv
    warm(name, Path(file), other)
    print(json.dumps(measured(name, Path(file), url, replay="replay" in more)))
