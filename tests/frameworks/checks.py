"""What is asked of each program, a column each: it is ticked, or comes to a short reason why not.

The model is a server on this machine. The program runs in processes of its own: one records, one is killed
amid its run, and a third one, which has another key, does all that follows a recording.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from attrs import field, frozen

from tracefork import Request, Response
from tracefork.testing import LoopbackServer, by_rule

from .provider import GLAD, TOKENS, answer
from .working import Failed, Worker

REPLAYS = 5
MISSED = "it is not recorded"

Cell: TypeAlias = "bool | str"
"""True, or a short reason why not."""
_FOLDERS = re.compile(r"(?<![\w:/])/\S*/(?=[^/\s]+)")


@frozen
class Trial:
    """A program under trial: what it recorded, and the process that follows the recording."""

    name: str
    python: str | Path
    folder: Path
    keys: tuple[str, str]
    url: str
    live: dict[str, Any]
    asked: tuple[Request, ...] = field(repr=False)
    worker: Worker = field(repr=False)

    @property
    def store(self) -> str:
        return str(self.folder / "runs.db")

    @property
    def count(self) -> int:
        """How many questions the program asks."""
        return len(self.live["urls"])

    @contextmanager
    def served(self, rule: Callable[[Request], Response] = answer) -> Iterator[LoopbackServer]:
        """The model is there again, where it was."""
        with LoopbackServer(by_rule(rule), port=int(self.url.rpartition(":")[2])) as server:
            yield server

    def do(self, verb: str, **options: Any) -> Any:
        """What the following process does with the recorded run."""
        return self.worker.do(verb, self.url, **{"store": self.store, "run_id": "first", **options})


def check_all(name: str, folder: Path, python: str | Path = sys.executable) -> dict[str, Cell]:
    """The cells of the program `name`, run by the interpreter `python`, with its stores in `folder`."""
    keys = (_make_key(), _make_key())
    with LoopbackServer(by_rule(answer)) as server:
        url = server.url
        with Worker(name, python, key=keys[0], log=folder / "record.log") as worker:
            try:
                live = worker.do("record", url, store=str(folder / "runs.db"), run_id="first")
            except Failed as failed:
                return {**dict.fromkeys(CHECKS, MISSED), "record": _shorten(failed)}
        asked = server.requests
    with Worker(name, python, key=keys[1], log=folder / "follow.log") as worker:
        trial = Trial(name, python, folder, keys, url, live, asked, worker)
        cells = {
            column: _try(check, trial)
            for column, check in CHECKS.items()
            if column == "record" or trial.count
        }
        return {column: cells.get(column, MISSED) for column in CHECKS}


def _make_key() -> str:
    return f"sk-{secrets.token_hex(24)}"


def _try(check: Callable[[Trial], None], trial: Trial) -> Cell:
    try:
        check(trial)
    except (AssertionError, Failed) as failed:
        return _shorten(failed)
    return True


def _shorten(failed: Exception) -> str:
    """What it says, in a line, without the folders of this machine."""
    said = _FOLDERS.sub("", " ".join(str(failed).split()))
    return said[:200] or type(failed).__name__


def _expect(*, holds: bool, reason: str) -> None:
    if not holds:
        raise AssertionError(reason)


# -- the columns ------------------------------------------------------------------------------


def check_record(trial: Trial) -> None:
    """Each question that reached the model is on the tape, once, and nothing left the run beside it."""
    result, asked = trial.live["result"], [request.url for request in trial.asked]
    _expect(holds="Faro" in result and "Lagos has 15" in result, reason=f"the agent says {result!r}")
    counts = f"{len(asked)} questions reached the model, {trial.count} were recorded"
    _expect(holds=trial.live["urls"] == asked, reason=counts)
    _expect(holds=trial.count >= 3, reason=f"{trial.count} exchanges")
    _expect(holds=not trial.live["escaped"], reason=f"escaped: {trial.live['escaped']}")


def check_replays(trial: Trial) -> None:
    """With the server gone each replay comes to the same, to the bit."""
    for _ in range(REPLAYS):
        again = trial.do("replay")
        for what in ("result", "digest"):
            _expect(holds=again[what] == trial.live[what], reason=f"{what}: {again[what]}")
        _expect(holds=again["live"] == 0, reason=f"{again['live']} live")


def check_verify(trial: Trial) -> None:
    verdict = trial.do("verify")
    _expect(holds=verdict["ok"], reason=verdict["says"])
    _expect(holds=verdict["matched"] == trial.count, reason=verdict["says"])


def check_fork(trial: Trial) -> None:
    """The model wants the weather of Porto instead: the result is another one, what follows is live."""
    at = _find_calls(trial)[-1]
    with trial.served() as server:
        done = trial.do("fork", at=at)
    _expect(holds="Porto has 15" in done["result"], reason=f"the fork says {done['result']!r}")
    _expect(holds="Lagos has" not in done["result"], reason=f"the fork says {done['result']!r}")
    asked, expected = len(server.requests), trial.count - at - 1
    _expect(holds=asked == expected, reason=f"{asked} live of {expected}")
    # the changed answer is a step that was not served, too
    _expect(holds=done["live"] == expected + 1, reason=f"{done['live']} new steps")


def _find_calls(trial: Trial) -> list[int]:
    """The questions that know nothing of the last city: they are answered by a call of the tool."""
    return [n for n, request in enumerate(trial.asked) if b"15 degrees" not in request.body]


def check_rerun(trial: Trial) -> None:
    """An agent that did not change asks nothing live; with another system prompt it asks all."""
    with trial.served() as server:
        same = trial.do("rerun")
        _expect(
            holds=same["result"] == trial.live["result"], reason=f"the same agent says {same['result']!r}"
        )
        _expect(holds=same["live"] == 0 == len(server.requests), reason=f"{same['live']} live, unchanged")
        other = trial.do("rerun", system=GLAD)
    _expect(holds="!" in other["result"], reason=f"the edited agent says {other['result']!r}")
    _expect(holds=bool(other["parted"]), reason="it did not part")
    asked = len(server.requests)
    _expect(holds=other["live"] == trial.count == asked, reason=f"{other['live']} live, edited")


def check_resume(trial: Trial) -> None:
    """The process is killed as its last question is on its way; what it had heard is not asked again."""
    store = str(trial.folder / "killed.db")
    heard: list[Request] = []

    def rule(request: Request) -> Response:
        heard.append(request)
        if len(heard) == trial.count:
            os.kill(killed.process.pid, signal.SIGKILL)
        return answer(request)

    with (
        trial.served(rule),
        Worker(trial.name, trial.python, key=trial.keys[0], log=trial.folder / "killed.log") as killed,
    ):
        try:
            killed.do("record", trial.url, store=store, run_id="first")
        except Failed as failed:
            _expect(holds="ended within" in str(failed), reason=str(failed))
    _expect(holds=killed.process.returncode == -signal.SIGKILL, reason="it was not killed")
    with trial.served() as server:
        done = trial.do("resume", store=store)
    _expect(holds=done["kept"] == trial.count - 1, reason=f"{done['kept']} exchanges were kept")
    _expect(holds=done["outcome"] == "unfinished", reason=done["outcome"])
    _expect(holds=done["result"] == trial.live["result"], reason=f"the resumed agent says {done['result']!r}")
    _expect(holds=done["live"] == 1 == len(server.requests), reason=f"{done['live']} live")
    _expect(holds=done["exchanges"] == trial.count, reason=f"{done['exchanges']} exchanges")


def check_secrets(trial: Trial) -> None:
    """The key, which the model was shown, is nowhere: neither in the files nor in what is read from them."""
    shown = repr([request.headers for request in trial.asked]) + repr([r.url for r in trial.asked])
    _expect(holds=trial.keys[0] in shown, reason="the model was not shown the key")
    stores = sorted(trial.folder.glob("*.db"))
    for file in sorted(trial.folder.glob("*.db*")):
        found = [key for key in trial.keys if key.encode() in file.read_bytes()]
        _expect(holds=not found, reason=f"the key is in {file.name}")
    for store in stores:
        for run, found in trial.worker.do(
            "search", trial.url, store=str(store), words=list(trial.keys)
        ).items():
            _expect(holds=not found, reason=f"the key is in {run} of {store.name}")


def check_report(trial: Trial) -> None:
    report = trial.do("report")
    models = set(report["models"])
    _expect(holds=len(models) == 1 and "" not in models, reason=f"models: {sorted(models)}")
    for which in ("called", "offered"):
        found = [name for name in report[which] if name.endswith("weather")]
        _expect(holds=bool(found), reason=f"no tool is {which} in the form of the API")
    for which in ("input", "output"):
        expected = TOKENS[f"{which}_tokens"] * trial.count
        _expect(holds=report[which] == expected, reason=f"{report[which]} {which} tokens of {expected}")
    for word in ("weather", "tokens"):
        _expect(holds=word in report["page"], reason=f"the page does not say {word}")


CHECKS: Mapping[str, Callable[[Trial], None]] = {
    "record": check_record,
    "replays": check_replays,
    "verify": check_verify,
    "fork": check_fork,
    "rerun": check_rerun,
    "resume": check_resume,
    "secrets": check_secrets,
    "report": check_report,
}
"""By the column of the table."""
