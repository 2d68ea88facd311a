"""timefork beside it: the same edits of the agents that ask one question after another.

It is a proxy that files each question under a hash of its body. Its environment is made with `pip`, once,
under `.benchmarks/`; `TRACEFORK_TIMEFORK` names the interpreter of another that has it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

import tracefork
from benchmarks.rerun import plans
from benchmarks.rerun.agents import Framework
from benchmarks.rerun.frameworks import FRAMEWORKS
from benchmarks.rerun.model import Saying, World, digest_of
from benchmarks.rerun.pairs import Found
from benchmarks.rerun.sdks import SDKS
from benchmarks.rerun.table import Row, make_row
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

VERSION = "0.3.3"
HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".benchmarks" / "peers" / "timefork"
NAMES = ("httpx", "anthropic", "openai-agents, chat")


@frozen
class Missing:
    """Why timefork could not be measured."""

    why: str


@cache
def interpreter() -> str | Missing:
    """The interpreter of an environment that holds timefork."""
    if named := os.environ.get("TRACEFORK_TIMEFORK"):
        return _check(named)
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "ready").exists():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        for command in (
            [sys.executable, "-m", "venv", str(ENVIRONMENT)],
            [str(python), "-m", "pip", "install", "-q", f"timefork=={VERSION}"],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                return Missing(f"timefork: {(done.stderr.strip().splitlines() or ['pip failed'])[-1]}")
        (ENVIRONMENT / "ready").touch()
    return _check(str(python))


def _check(python: str) -> str | Missing:
    try:
        done = subprocess.run([python, "-c", "import timefork"], capture_output=True, text=True, check=False)
    except OSError as error:
        return Missing(f"timefork: {error}")
    return python if done.returncode == 0 else Missing(f"timefork cannot be imported by {python}")


def sequential() -> list[Framework]:
    """Frameworks whose agents ask one question after another, of APIs that timefork knows."""
    everyone = (*SDKS, *FRAMEWORKS)
    return [one for one in everyone if one.is_sequential and one.name in NAMES and not one.missing]


@frozen
class Proxy:
    """timefork in its own process."""

    process: subprocess.Popen[str] = field(repr=False)

    def do(self, what: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    @contextmanager
    def take(self, what: str) -> Iterator[str]:
        url = self.do(what)
        try:
            yield url
        finally:
            self.do("end")


@contextmanager
def proxied(python: str, upstream: str) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(HERE / "timefork_driver.py"), folder, upstream]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            try:
                yield Proxy(process)
            finally:
                process.stdin.close()
                process.wait(30)


def measure(python: str, framework: Framework, edits: list[plans.Edit], plan: plans.Plan) -> list[Found]:
    """What each of `edits` came to by timefork; where prompts hold stamps, it is calibrated before."""
    world = World()
    with LoopbackServer(by_rule(world)) as server, proxied(python, server.url) as proxy:
        for _ in range(2 if plan.stamps else 1):
            world.take()
            with proxy.take("record") as url:
                framework.run(plan, url, world)
        asked, ran = (Counter(map(digest_of, world.asked)), Counter(world.take()[1]))
        if plan.stamps:
            proxy.do("calibrate")
        return [_replay(framework, edit.change(plan), server.url, proxy, world, asked, ran) for edit in edits]


def _replay(
    framework: Framework,
    plan: plans.Plan,
    upstream: str,
    proxy: Proxy,
    world: World,
    asked: Counter[str],
    ran: Counter[Any],
) -> Found:
    wanted = framework.run(plan, upstream, world)
    questions, calls = world.take()
    minimal, needed = Counter(map(digest_of, questions)) - asked, Counter(calls) - ran
    with proxy.take("replay") as url, tracefork.record() as seen:  # by the agent: what was served by whom
        came, problem = _try(framework, plan, url, world)
    questions, calls = world.take()
    live = Counter(map(digest_of, questions))
    return Found(
        minimal.total(),
        live.total(),
        (live - minimal).total(),
        sum(not _is_right(step) for step in seen.tape),
        came == wanted,
        len(calls),
        (Counter(calls) - needed).total(),
        problem=problem,
    )


def _try(framework: Framework, plan: plans.Plan, url: str, world: World) -> tuple[list[str], str]:
    try:
        return framework.run(plan, url, world), ""
    except Exception as problem:  # noqa: BLE001 - any is told
        return [], f"{type(problem).__name__}: {problem}"[:300]


def _is_right(step: tracefork.Exchange) -> bool:
    """Whether an answer is what the model says to the question."""
    right = b"".join(Saying.of(step.request).response().chunks)
    return bool(json.loads(b"".join(step.response.chunks)) == json.loads(right))


def rows() -> Iterator[Row]:
    """Rows as of the table, with prompts that hold nothing fresh, and with those that do."""
    python = interpreter()
    if isinstance(python, Missing):
        yield "timefork", f"not measured: {python.why}", *[""] * 9
        return
    for stamps, said in (("", "nothing fresh in prompts"), ("run", "a time and an id, calibrated")):
        everything = []
        for framework in sequential():
            found = measure(python, framework, plans.edits(), evolve(plans.BASE, stamps=stamps))
            everything += found
            yield make_row(framework.name, said, found)
        yield make_row("all", said, everything)
