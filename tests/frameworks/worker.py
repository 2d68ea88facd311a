"""One program in a process of its own: it does what lines of JSON on its input say, and answers so.

    python -P worker.py programs/NAME.py

`Worker` in `working.py` is the other end. What the program itself prints goes to the error output.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import inspect
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # at the end: no file of ours stands before a framework's

import attrs  # noqa: E402

import tracefork  # noqa: E402
from tracefork import Exchange, Fault, Response, TapeStore  # noqa: E402
from tracefork.edits import SystemPrompt  # noqa: E402
from tracefork.providers import base, read  # noqa: E402
from tracefork.providers.route import ToolCall  # noqa: E402
from tracefork.providers.turns import find_turn  # noqa: E402
from tracefork.report.served import mark_steps  # noqa: E402


def load_agent(path: str, url: str) -> Callable[[], str]:
    """The agent of the program at `path`, pointed at `url`; an asynchronous one gets a loop of its own."""
    spec = importlib.util.spec_from_file_location(f"program_{Path(path).stem}", path)
    assert spec is not None and spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    is_async = inspect.iscoroutinefunction(program.agent)
    return lambda: str(asyncio.run(program.agent(url)) if is_async else program.agent(url))


def record(agent: Any, store: str, run_id: str) -> dict[str, Any]:
    with tracefork.record(store, run_id=run_id, agent_name="weather") as run:
        result = agent()
    tape = run.tape
    return {
        "result": result,
        "digest": tape.digest(),
        "urls": [exchange.request.url for exchange in tape],
        "escaped": [str(one) for one in tape.escaped],
    }


def replay(agent: Any, store: str, run_id: str) -> dict[str, Any]:
    with tracefork.replay(load(store, run_id)) as run:
        result = agent()
    return {"result": result, "digest": run.tape.digest(), "live": run.forwarded}


def verify(agent: Any, store: str, run_id: str) -> dict[str, Any]:
    verdict = tracefork.verify(load(store, run_id), agent)
    return {"ok": verdict.ok, "says": str(verdict), "matched": verdict.matched, "total": verdict.total}


def fork(agent: Any, store: str, run_id: str, at: int) -> dict[str, Any]:
    with tracefork.fork(load(store, run_id), at=at, answer=call_for_porto, store=store, run_id="fork") as run:
        result = agent()
    return {"result": result, "live": count_live(run.tape), "exchanges": len(run.tape)}


def count_live(tape: tracefork.Tape) -> int:
    """How many questions were asked of the model, rather than served from the run that was followed."""
    marks = zip(tape.steps, mark_steps(tape), strict=True)
    return sum(isinstance(step, Exchange) and mark in ("live", "new") for step, mark in marks)


def call_for_porto(exchange: Exchange) -> Response:
    """The recorded answer, with the weather of Porto wanted where it was that of Lagos."""
    turn = find_turn(exchange)
    if turn is not None and turn.calls:
        return ToolCall(turn.calls[0].name, {"city": "Porto"})(exchange)
    return exchange.response.with_body(base.decode_body(exchange.response).replace(b"Lagos", b"Porto"))


def rerun(agent: Any, store: str, run_id: str, system: str = "") -> dict[str, Any]:
    edits = [SystemPrompt(system)] if system else []
    with tracefork.rerun(load(store, run_id), store, run_id=f"rerun-{bool(system)}", edits=edits) as run:
        result = agent()
    return {"result": result, "live": count_live(run.tape), "parted": run.parted and str(run.parted)}


def resume(agent: Any, store: str, run_id: str) -> dict[str, Any]:
    tape = load(store, run_id)
    with tracefork.resume(tape, store, run_id="resumed") as run:
        result = agent()
    return {
        "result": result,
        "live": count_live(run.tape),
        "kept": len(tape),
        "outcome": str(tape.outcome),
        "exchanges": len(run.tape),
    }


def report(agent: Any, store: str, run_id: str) -> dict[str, Any]:
    tape = load(store, run_id)
    view = tracefork.report.view(tape)
    called = [call.name for step in view.steps if step.completion for call in step.completion.calls]
    return {
        "models": [step.model for step in view.steps],
        "called": called + [aside.name for aside in view.asides if aside.kind == "tool"],
        "offered": [tool.name for one in tape if (asked := read.prompt(one.request)) for tool in asked.tools],
        "input": view.totals.input,
        "output": view.totals.output,
        "page": tracefork.report.html(tape),
    }


def search(agent: Any, store: str, words: list[str]) -> dict[str, Any]:
    """Which of `words` stand in any run of the store, in any body once that is decoded."""
    found = {}
    with TapeStore.open(store) as runs:
        for info in runs.runs():
            tape = runs.load(info.run_id)
            sides = [side for exchange in tape for side in (exchange.request, exchange.answer)]
            bodies = [base.decode_body(side) for side in sides if not isinstance(side, Fault)]
            kept = [attrs.asdict(step) for step in (*tape.steps, *tape.pending)]
            text = repr((kept, tape.meta, tape.run_id)).encode() + b"".join(bodies)
            found[info.run_id] = [word for word in words if word.encode() in text]
    return found


def find_versions(agent: Any, names: list[str]) -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in names}


def load(store: str, run_id: str) -> tracefork.Tape:
    with TapeStore.open(store) as runs:
        return runs.load(run_id)


VERBS = {verb.__name__: verb for verb in (record, replay, verify, fork, rerun, resume, report, search)}
VERBS["versions"] = find_versions
RUN_NOTHING = frozenset({"report", "search", "versions"})


def main(path: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    agents: dict[str, Callable[[], str]] = {}
    for line in sys.stdin:
        verb, url, options = json.loads(line)
        try:
            if url not in agents and verb not in RUN_NOTHING:
                agents[url] = load_agent(path, url)
            done = json.dumps({"did": VERBS[verb](agents.get(url), **options)})
        except BaseException as exc:
            traceback.print_exc()
            done = json.dumps({"failed": f"{type(exc).__name__}: {exc}"})
        print(done, file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
