"""`verify` and `averify`: replay a tape through an agent, and return whether everything happened again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Unpack

from attrs import frozen

from ..core.diff import Difference, diff
from ..core.digest import digest
from ..core.display import Shown
from ..core.matching import Matcher
from ..core.tape import Tape
from ..core.values import Escape, Exchange, Outcome
from ..core.visible import visible
from ..errors import Divergence, EditUnused, Unfinished
from ..providers.unrecorded import describe_unrecorded, find_unrecorded
from ..session.session import Session
from .agents import Agent, Ending, arun_agent, check_loop, run_agent
from .api import replay
from .options import ReplayOptions, lists

_PATH, _VALUE, _WHOLE = 50, 54, 236  # characters of a path, a value and all of a verdict's short form


@frozen(repr=False)
class Verdict(Shown):
    """The result of replaying a tape through an agent.

    `ok` means: the same things happened in the same order, nothing was left
    unasked, and the run ended as it was recorded to end, returning or raising an
    exception of the same class; nothing got out of the replay; and the tape holds something
    to vouch for: a tape without an exchange, draw or effect `is_empty`, and not ok.
    `recorded` and `replayed` are digests, 64 hex
    characters each, and both are computed. `matched` of `total` recorded exchanges
    happened again. `divergence` is where the agent left the tape, `error` the
    agent's own exception, or another of tracefork's.

    `escaped` is what left the run unrecorded, when it was recorded or in the replay: nobody can
    vouch for that. `refused` is what was kept from leaving the replay, `processes` which the agent
    started in it, and `remarks` what else one should know, a sentence each. `unrecorded` names the
    tools that a model called and that are no effects of the tape: they ran for real, in the replay too.
    `is_command` says that the agent was a command behind the gateway.
    """

    ok: bool
    matched: int
    total: int
    recorded: str
    replayed: str
    divergence: Divergence | None = None
    error: BaseException | None = None
    escaped: tuple[Escape, ...] = ()
    refused: tuple[Escape, ...] = ()
    processes: tuple[Escape, ...] = ()
    remarks: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    is_empty: bool = False
    is_command: bool = False

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        """The sentence first, and short: pytest cuts what is longer than 240 characters."""
        return f"<{_write_sentence(self)}>"

    def __str__(self) -> str:
        parts = [self.summary, *self.notes(), *([str(self.divergence)] if self.divergence else [])]
        return visible("\n".join(parts))

    @property
    def summary(self) -> str:
        """The verdict in one line."""
        if self.is_empty and self.divergence is None:
            return "nothing to vouch for: the tape holds no exchange, draw or effect"
        return f"{'ok' if self.ok else 'NOT ok'}: {self.matched} of {self.total} exchanges"

    def notes(self) -> Iterator[str]:
        """Give what one should know beside the verdict, a line each."""
        yield from (f"escaped: {one}" for one in self.escaped)
        yield from (f"refused in the replay: {one}" for one in self.refused)
        yield from (f"ran again in the replay: {one}" for one in self.processes)
        yield from self.remarks
        if self.unrecorded:
            yield describe_unrecorded(self.unrecorded, by_command=self.is_command)


@lists(ReplayOptions)
def verify(tape: Tape, agent: Agent, **options: Unpack[ReplayOptions]) -> Verdict:
    """Replay `tape` through `agent` and say whether everything happened again.

    The agent's own exceptions are part of the verdict and never raised. An
    async agent gets an event loop of its own.

    Args:
        tape: the recording.
        agent: what to run.
        options: as for `tracefork.replay`; the matcher is that of both digests, too.

    Raises:
        RuntimeError: the agent is async and an event loop is running; await `averify`.
    """
    check_loop(agent, "await tracefork.averify(...) instead")
    session = replay(tape, **options)
    return judge(tape, session, run_agent(session, agent))


@lists(ReplayOptions)
async def averify(tape: Tape, agent: Agent, **options: Unpack[ReplayOptions]) -> Verdict:
    """`verify` within a running event loop, for sync and async agents."""
    session = replay(tape, **options)
    return judge(tape, session, await arun_agent(session, agent))


def judge(tape: Tape, session: Session, ending: Ending) -> Verdict:
    """Return the verdict on a replay of `tape` in `session` that came to this `ending`."""
    raised = ending.raised
    again, matcher = session.tape, session.port.state.script.matcher
    recorded, replayed = digest(tape, matcher=matcher), digest(again, matcher=matcher)
    ours = session.failure is not None or isinstance(raised, Unfinished | EditUnused)
    left = isinstance(session.failure or raised, Divergence | Unfinished)
    divergence = (
        _find_divergence(tape, again, session.failure or raised, matcher) if left or not ours else None
    )
    if divergence is not None:
        divergence.run_id = tape.run_id
    error = None if isinstance(raised, Divergence | Unfinished) else raised
    if isinstance(raised, Divergence) and raised.__cause__ is not None:
        error = raised.__cause__
    out = [one for one in session.escaped if one.kind != "process"]
    is_empty = not (tape.exchanges or tape.draws or tape.effects)
    return Verdict(
        ok=divergence is None and not ours and recorded == replayed and not out and not is_empty,
        matched=_count_matched(tape, again, matcher),
        total=len(tape),
        recorded=recorded,
        replayed=replayed,
        divergence=divergence,
        error=error,
        escaped=tuple(dict.fromkeys([*tape.escaped, *session.escaped])),
        refused=session.refused,
        processes=tuple(one for one in session.escaped if one.kind == "process"),
        remarks=tuple(session.remarks),
        unrecorded=find_unrecorded(tape),
        is_empty=is_empty,
        is_command=bool(tape.command),
    )


def _find_divergence(
    tape: Tape, again: Tape, failure: BaseException | None, matcher: Matcher
) -> Divergence | None:
    """Where the replay left the tape: as the session says, or the first step or ending that differs."""
    match failure:
        case Divergence():
            return failure
        case Unfinished(step=step, unasked=left):
            return Divergence(
                step, again.outcome, left[0], Difference("steps", repr(left[0]), str(again.outcome))
            )
    if parting := diff(tape, again, matcher=matcher):
        asked, nearest = (side.asked if side else None for side in (parting.right, parting.left))
        return Divergence(parting.step, asked, nearest, parting.difference)
    if tape.outcome.kind != "unfinished" and _find_kind(tape.outcome) != _find_kind(again.outcome):
        difference = Difference("outcome", str(tape.outcome), str(again.outcome))
        return Divergence(len(tape), again.outcome, tape.outcome, difference)
    return None


def _write_sentence(verdict: Verdict) -> str:
    """A verdict in one line of at most 238 characters: what, and where with both values, comes first."""
    text, found, error = "ok" if verdict.ok else "NOT ok", verdict.divergence, verdict.error
    if found:
        at = found.difference
        where = f", {_abridge(at.path, _PATH, at_end=True)}" if at else ""
        values = (at.recorded, at.asked) if at else (found.nearest, found.asked)
        recorded, asked = (_abridge("nothing" if v is None else str(v), _VALUE) for v in values)
        text += f": step {found.step}{where}: the tape has {recorded}, the agent {asked}"
    elif error is not None:
        text += f": {_abridge(f'{type(error).__name__}: {error}', 2 * _VALUE)}"
    more = [f"{verdict.matched} of {verdict.total} exchanges"]
    more += [type(error).__name__] if found and error is not None else []
    more += [f"{len(verdict.escaped)} escaped"] if verdict.escaped else []
    for one in more:
        text += f"; {one}" if len(text) + len(one) < _WHOLE else ""
    return text


def _abridge(text: str, most: int, *, at_end: bool = False) -> str:
    """`text` in at most `most` characters, each of them visible: its beginning, or its end."""
    text = visible(text[-most - 1 :] if at_end else text[: most + 1], one_line=True)
    if len(text) <= most:
        return text
    return f"...{text[3 - most :]}" if at_end else f"{text[: most - 3]}..."


def _find_kind(outcome: Outcome) -> tuple[str, str]:
    return outcome.kind, outcome.type


def _count_matched(tape: Tape, again: Tape, matcher: Matcher) -> int:
    def same(one: Exchange, other: Exchange) -> bool:
        return one.answer == other.answer and matcher(one.request) == matcher(other.request)

    return sum(same(one, other) for one, other in zip(tape, again, strict=False))
