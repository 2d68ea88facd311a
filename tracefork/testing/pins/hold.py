"""Holds an agent to its tape, in a test: it does what it did, or the test says where it did not."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote
from typing import Any

from ...core.tape import Tape
from ...errors import NotHeld, TraceforkError
from ...providers.last_answers import find_last_text
from ...runs.agents import Agent, Ending, check_loop, run_agent
from ...runs.api import record, replay, rerun
from ...runs.verify import Verdict, judge
from ...session.session import Session
from ...storage.tape_file import load
from ..on_tape.keeping import detach, keep
from ..on_tape.mode import find_mode
from ..policies.policy import Policy
from .agents import find_scope


def hold(tape: Tape | str | os.PathLike[str], agent: Agent, *, policy: Policy | None = None) -> Any:
    """Replay `tape` through `agent`, see that it does what it did, and return its result.

    The result is what the agent returned; of one that returned nothing, as scripts and commands do, it is
    the last text that a model said. Nothing connects meanwhile, and the pauses of retries are skipped.

    An agent whose recorded run raised may return now: that is what it was mended for. Under
    `pytest --tracefork-mode=new` (or all, or rewrite) it asks what is new, and that run takes the place of
    the file.

    Args:
        tape: a tape, or the file of one.
        agent: any callable, sync or async, `script(...)` or `command(...)`.
        policy: rules that the run has to keep, too.

    Raises:
        Divergence: it asked something else than it did; step, path and both values are in it.
        NotHeld: something got out of the replay, or the tape holds nothing.
        PolicyBroken: the run did not keep the policy.
        Exception: what the agent raised itself, also if it had raised that when recorded.
        RuntimeError: the agent is async, and an event loop is running.
    """
    __tracebackhide__ = True
    check_loop(agent, "hold(...) runs the agent in a loop of its own, from a test that is not async")
    kept = tape if isinstance(tape, Tape) else load(tape)
    if not isinstance(tape, Tape) and find_mode() not in ("none", "once"):
        return renew(kept, Path(tape), agent, policy)
    session = replay(kept, scope=find_scope(agent), instant_retries=True)
    ending = run_agent(session, agent)
    failure = find_failure(judge(kept, session, ending), ending, session)
    if failure is ending.raised and failure is not None:
        raise failure
    if failure is not None:
        if not isinstance(tape, Tape):
            failure.add_note(advise_anew(os.fspath(tape)))
        raise failure.with_traceback(None) from None
    if policy is not None:
        policy.hold(session)
    return find_result(ending, session)


def renew(kept: Tape, place: Path, agent: Agent, policy: Policy | None = None) -> Any:
    """Run `agent` on `kept` as pytest's mode says, put that run in the place of the tape, return its result.

    An agent that raises, or a run that does not keep the policy, leaves the tape as it is.

    Raises:
        NotHeld: it asked nothing.
        PolicyBroken: the run did not keep the policy.
        Exception: what the agent raised.
    """
    scope = find_scope(agent)
    if find_mode() == "new":
        session = rerun(kept, reuse="all", name="new", scope=scope)
    else:
        session = record(agent_name=kept.agent_name, scope=scope)
    ending = run_agent(session, agent)
    if ending.raised is not None:
        raise ending.raised
    if policy is not None:
        policy.hold(session)
    if not session.tape.steps:
        raise NotHeld(
            "the agent asked nothing: a tape of that would vouch for nothing, and the old one stays"
        )
    if session.forwarded or len(session.tape) != len(kept):
        keep(detach(session.tape), place)
    return find_result(ending, session)


def find_result(ending: Ending, session: Session) -> Any:
    """Return what the agent returned, or the last text that a model said to it."""
    return find_last_text(session.tape) if ending.result is None else ending.result


def find_failure(verdict: Verdict, ending: Ending, session: Session) -> BaseException | None:
    """Return why a replay is not what was recorded; None if it is, or if what had raised returned."""
    divergence, raised = verdict.divergence, ending.raised
    if session.failure is None and raised is not None and not isinstance(raised, TraceforkError):
        return _show(raised)
    has_returned = divergence is not None and divergence.path == "outcome" and raised is None
    if divergence is not None and not has_returned:
        return divergence
    if raised is not None:
        return raised
    out = [str(one) for one in session.escaped if one.kind != "process"]
    if out:
        return NotHeld(f"it got out of the replay, and nobody can vouch for that: {'; '.join(out)}")
    if verdict.is_empty:
        return NotHeld(verdict.summary)
    return None if has_returned or verdict.ok else NotHeld(str(verdict))


def advise_anew(path: str) -> str:
    """Return what to do where an agent was changed on purpose that is held to the tape at `path`."""
    here = Path.cwd()
    shown = Path(path).relative_to(here) if Path(path).is_relative_to(here) else path
    path = quote(str(shown))
    return (
        f"held to {path}. If the change is meant, pytest --tracefork-mode=new asks what is new, and puts "
        "that run in its place"
    )


def _show(raised: BaseException) -> BaseException:
    """What a test may raise: an interrupt of the agent's would end all of pytest."""
    if isinstance(raised, Exception | SystemExit):
        return raised
    return NotHeld(f"the agent was interrupted: {type(raised).__name__}")
