"""Runs the demo and prints each step: record, verify offline, fork, edit, blame, kill, resume, report."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from ..attribution.findings import saved
from ..attribution.findings.findings import BlameReport
from ..attribution.findings.tables import spending, table
from ..attribution.oracles import Regex
from ..attribution.study.blame import blame
from ..core.tape import Tape
from ..core.values import Call, Exchange, Response
from ..providers import anthropic
from ..report import html
from ..report.diff.tapes import diff
from ..report.page.embedded_tape import is_page
from ..runs.api import fork, record, rerun, resume
from ..runs.verify import Verdict, verify
from ..storage.store import TapeStore, new_run_id
from ..storage.tape_file import write
from ..testing.server import LoopbackServer
from . import agent
from .model import model

Say = Callable[[str], object]

PIVOT = "hold_seat"
BOOKED = Regex("^Booked")
CHANCE = 7
KILL_AFTER = 6  # questions that the server has had when the run is killed
LIVE = 2  # questions that the edited agent asks anew
DEADLINE = 30.0  # seconds; a run that is not killed by then has gone wrong


def tell(path: str, say: Say) -> list[str]:
    """Run the demo into the store at `path`; return the run_ids of its runs, in their order.

    They are the recording, the branch of a fork, the rerun of the edited agent, and a resumed run.

    Raises:
        RuntimeError: something did not come out as the demo says it does.
    """
    with TapeStore.open(path) as store:
        tape = _record(store, say)
        verdict = _verify(tape, say)
        branch = _fork(store, tape, say)
        edited = _edit(store, tape, say)
        found = _blame(store, path, tape, say)
        resumed = _crash(store, path, say)
        branches = [branch, edited, *map(store.load, found.contrast)]
    page = html(tape, blame=found, branches=branches, verified=verdict)
    _report(Path(path).with_suffix(".html"), page, say)
    say(f"\nAll of it is in {path}. Look around:")
    say(f"   tracefork ls --store {path}")
    say(f"   tracefork show --store {path} {tape.run_id}")
    say(f"   tracefork diff --store {path} {tape.run_id} {branch.run_id}")
    say(f"   tracefork serve --store {path}")
    return [tape.run_id, branch.run_id, edited.run_id, resumed]


def _record(store: TapeStore, say: Say) -> Tape:
    client = (
        "the anthropic SDK" if find_spec("anthropic") else "plain httpx (the anthropic SDK is not installed)"
    )
    say(
        f"1. Record. A travel agent with nine tools, over {client}, against a scripted model on this machine."
    )
    with LoopbackServer(model()) as server, record(store, agent_name="travel") as run:
        answer = agent.travel_agent(server.url)
    tape = run.tape
    busy = sum(x.response.status == anthropic.STATUS["overloaded_error"] for x in tape)
    streams = sum(dict(x.response.headers)["content-type"].startswith("text/event-stream") for x in tape)
    kinds = f"{streams} streams, {busy} answered 529 and retried"
    say(f"   {len(tape)} exchanges ({kinds}), {len(tape.effects)} tool calls.")
    say(f"   It answered: {answer}")
    say(f"   Run {tape.run_id}, digest {tape.digest()}")
    return tape


def _verify(tape: Tape, say: Say) -> Verdict:
    say("\n2. Verify. The server is stopped; the same agent runs again on the tape alone.")
    sent = len(agent.SENT)
    verdict = verify(tape, partial(agent.travel_agent, _find_base_url(tape)))
    _expect(verdict.ok, f"the replay differs: {verdict}")
    _expect(len(agent.SENT) == sent, "a replayed tool ran again")
    say(f"   {verdict.matched} of {verdict.total} exchanges happened again, and no second mail was sent.")
    say(f"   digest {verdict.replayed} - equal, and computed from what the replay did.")
    return verdict


def _fork(store: TapeStore, tape: Tape, say: Say) -> Tape:
    at = next(i for i, x in enumerate(tape) if PIVOT.encode() in x.response.body)
    say(f"\n3. Fork. What if the model had taken the train at step {at}? Only that answer is changed.")
    with (
        LoopbackServer(model(), port=urlsplit(_find_base_url(tape)).port or 0) as server,
        fork(tape, at, _take_train, store=store, name="by train", desc="hold_seat: night train") as branch,
    ):
        answer = agent.travel_agent(server.url)
    parting = diff(tape, branch.tape)
    _expect(parting is not None and parting.step == at, "the branch does not part at its pivot")
    say(f"   Steps 0 to {at} cost nothing; the server was asked the {len(server.requests)} after them.")
    say(f"   The two part at {parting}")
    say(f"   It answered: {answer}")
    say(f"   Branch {branch.run_id} of {tape.run_id}, digest {branch.tape.digest()}")
    return branch.tape


def _take_train(recorded: Exchange) -> Response:
    """Return the recorded answer with the night train in place of the flight."""
    return recorded.response.with_body(recorded.response.body.replace(b"morning flight", b"night train"))


def _edit(store: TapeStore, tape: Tape, say: Say) -> Tape:
    say("\n4. Edit. The agent's last prompt now ends with 'Sign it.' What it asks as before is served from")
    say("   the tape, and the rest is asked live.")
    with (
        LoopbackServer(model(), port=urlsplit(_find_base_url(tape)).port or 0) as server,
        rerun(tape, store, desc="the mail is signed") as run,
    ):
        answer = agent.travel_agent(server.url, mail=f"{agent.MAIL} Sign it.")
    saved = run.savings
    _expect(saved.live == len(server.requests) == LIVE, f"{saved.live} calls were live, not {LIVE}")
    say(f"   It parts at {run.parted}")
    say(f"   {saved.served} of {len(run.tape)} answers cost nothing, {saved.live} were asked live.")
    say(f"   {saved.tools_served} tool calls were served too; the mail is another one, and was sent.")
    say(f"   It answered: {answer}")
    say(f"   Rerun {run.run_id} of {tape.run_id}, digest {run.tape.digest()}")
    return run.tape


def _blame(store: TapeStore, path: str, tape: Tape, say: Say) -> BlameReport:
    say("\n5. Blame. Which answer did it? The model takes the train nine times of ten. The same agent runs")
    say("   again from many places; what it did before them costs nothing, and no mail is sent.")
    sent = len(agent.SENT)
    with LoopbackServer(model(Random(CHANCE)), port=urlsplit(_find_base_url(tape)).port or 0):  # noqa: S311  the same each time
        found = blame(
            tape,
            partial(agent.travel_agent, _find_base_url(tape)),
            BOOKED,
            store=store,
            tools=_answer_harmlessly,
        )
    _expect(len(agent.SENT) == sent, "a fork sent a mail")
    top = found.top()
    _expect(top is not None and top.certified, f"no step was decided: {found.summary}")
    saved.keep(found, path, tape.run_id)
    for line in (found.summary, *table(found, most=3), spending(found)):
        say(f"   {line}")
    return found


def _answer_harmlessly(call: Call) -> object:
    """Answer a tool call of a fork: look things up, and send nothing."""
    if call.name == "send_mail":
        return "sent"
    tool = inspect.unwrap(agent.TOOLS[call.name])
    return tool(**json.loads(call.arguments)["kwargs"])


def _crash(store: TapeStore, path: str, say: Say) -> str:
    say("\n6. Crash. The agent runs in another process, which is killed in the middle.")
    killed = new_run_id()
    with LoopbackServer(model(), delay=0.05) as server:
        command = [sys.executable, "-m", "tracefork.demo.child", server.url, path, killed]
        child = subprocess.Popen(command)  # noqa: S603
        deadline = time.monotonic() + DEADLINE
        while len(server.requests) < KILL_AFTER and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        child.kill()
        child.wait()
        died = store.load(killed)
        asked = len(server.requests)
        kept = f"{len(died)} exchanges are kept, {len(died.pending)} in flight"
        say(f"   Killed when the server had {asked} questions: {kept}.")
        with resume(died, store, on_doubt="rerun") as run:
            answer = agent.travel_agent(server.url)
        again = len(server.requests) - asked
    say(f"   Resumed: the {len(died)} kept exchanges came from the tape, {again} were asked, to the end.")
    say(f"   It answered: {answer}")
    say(f"   Run {run.run_id} (resumed from {killed}), digest {run.tape.digest()}")
    return run.run_id


def _report(file: Path, page: str, say: Say) -> None:
    say("\n7. Report. The run, its branches and every byte of them as one page, which needs nothing else.")
    if file.exists() and not is_page(file.read_text("utf-8", "replace")):
        say(f"   {file} is there already and no report of ours: it is left as it is.")
        return
    write(page.encode(), file)
    say(f"   Open {file.resolve().as_uri()}")


def _find_base_url(tape: Tape) -> str:
    return tape[0].request.url.removesuffix("/v1/messages")


def _expect(held: object, otherwise: str) -> None:
    if not held:
        raise RuntimeError(otherwise)
