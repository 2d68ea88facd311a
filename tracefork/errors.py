"""
Every error tracefork raises on purpose:

* TraceforkError
  + Divergence          the agent changed: it asked what the tape cannot answer
    - Stalled           replay waits for a question the agent never put
  + Unfinished          the agent stopped before the tape did
  + Refused             something would have left the run: the network in a replay, anything if strict
                        (also a ConnectionRefusedError)
  + InDoubt             a tool was called before the crash; whether it ran is unknown
  + ToolRefused         a tool was called live where none may run
  + OverBudget          the next call could cost more than is left
  + RedactedSecret      a request to forward holds a secret that the tape does not keep
  + Unrecordable        an argument or a result has no recorded form
  + UnrecordedTools     a model called tools that no run knows of, and forks would run them for real
  + SocketLost          a run goes live amid a web socket, and its server knows nothing of what was said
  + BodyOmitted         a replay is asked for a body of which only the hash was kept
  + MissingTape         a test asks, and has no tape to be answered from (also a LookupError)
  + NetworkBlocked      a test asks, and may connect nowhere (also a ConnectionRefusedError)
  + MissingPart         an optional part of the installation is not there
  + Exhausted           a scripted provider was asked more than it has answers
  + UnfitAnswer         no stream is given where one was asked for (also a ValueError)
  + WorkspaceUnknown    a run kept no working folder there (also a LookupError)
  + WorkspaceChanged    to put a folder back would lose a file that the run does not know
  + EditUnused          an edit met no request of the run
  + EditRefused         a request cannot be edited: it is signed, or would be damaged
  + EditMissing         a tape names an edit of your own, which is to be given again
  + BadPrices           a table of prices holds something else (also a ValueError)
  + BadFilter           runs are looked for by a value that is none (also a ValueError)
  + BadCassette         a file is no cassette of a known recorder, or is damaged (also a ValueError)
  + PolicyBroken        a run did what a policy of a test does not allow (also an AssertionError)
  + NotHeld             a replay in a test is not what was recorded (also an AssertionError)
  + PinRefused          no test is made of a run: it would not pass, or not be found
    - BadCheck          the check of its result is none that a test could make (also a ValueError)
  + StoreError          the store refused
    - NotFound          no such run (also a LookupError)
    - RunExists         the run_id is taken
    - Conflict          another writer was first, or the log is sealed
    - Unredacted        a known secret stood in what would have been written
  + CorruptTape         the bytes are not what was written (also a ValueError)
    - Truncated         they stop early
    - TooLarge          they are more than the limits allow
    - UnknownVersion    a newer tracefork wrote them

Each holds its facts as attributes and writes its sentence in `__str__`.
"""

from __future__ import annotations

from collections.abc import Iterator
from errno import ECONNREFUSED
from shlex import quote
from typing import ClassVar, Self

from .core.advice import advise
from .core.breaches import Breach
from .core.diff import Difference
from .core.values import Call, Lane, Omitted, Outcome, Question, Request
from .core.visible import visible


class TraceforkError(Exception):
    """Base class; catch this to catch everything tracefork raises on purpose.

    What its sentence quotes of others is visible: nothing in it steers a terminal.
    """

    def __init_subclass__(cls) -> None:
        """Make the sentence of a class that writes its own visible too."""
        super().__init_subclass__()
        if "__str__" in cls.__dict__:
            write = cls.__dict__["__str__"]
            cls.__str__ = lambda self: visible(write(self))  # type: ignore[method-assign]

    def __str__(self) -> str:
        return visible(super().__str__())

    @classmethod
    def find(cls, exc: BaseException | None) -> Self | None:
        """Return the first error of this class in `exc`, its causes, contexts and groups.

        SDKs wrap what a transport raises: `Divergence.find(exc)` unwraps it.
        """
        return next((e for e in _chain(exc) if isinstance(e, cls)), None)


class Divergence(TraceforkError):
    """The agent left the tape.

    `step` is the index of the exchange at which it did (`len(tape)` past the
    last one), `asked` what it asked, `nearest` the recorded question it most
    resembles, `lane` the strand that asked. `path` says where the two part:
    `method`, `url`, `headers.NAME`, a JSON path into the body such as
    `$.messages[2].content`, or "" where nothing comparable was recorded.
    """

    def __init__(
        self,
        step: int,
        asked: Question | Outcome | None = None,
        nearest: Question | Outcome | None = None,
        difference: Difference | None = None,
        lane: Lane = "",
    ) -> None:
        super().__init__(step, asked, nearest, difference, lane)
        self.step = step
        self.asked = asked
        self.nearest = nearest
        self.difference = difference
        self.lane = lane
        self.run_id = ""
        """The run whose tape it is, if it is known."""

    @property
    def path(self) -> str:
        return self.difference.path if self.difference else ""

    @property
    def cure(self) -> str:
        """What to do if the agent was changed on purpose."""
        return _advise_retry(self.run_id) if self.path == "response.end" else _advise_rerun(self.run_id)

    def __str__(self) -> str:
        return self._say() if isinstance(self.asked, Outcome) else f"{self._say()}\n{self.cure}"

    def _say(self) -> str:
        if isinstance(self.asked, Outcome):
            recorded = (
                self.nearest if isinstance(self.nearest, Outcome) else f"went on to ask {self.nearest!r}"
            )
            return f"step {self.step}: the recorded run {recorded}; this one {self.asked}"
        where = f" in lane {self.lane!r}" if self.lane else ""
        sentence = f"step {self.step}{where}: the agent asked {self.asked!r}"
        if self.difference:
            return (
                f"{sentence}; at {self.path} the tape has {self.difference.recorded}, "
                f"the agent {self.difference.asked}"
            )
        wanted = f"expects {self.nearest!r}" if self.nearest else "ends before it"
        return f"{sentence}; the tape {wanted}"


def _advise_retry(run_id: str) -> str:
    known = "what came behind is on no tape:"
    return advise(
        f'{known} tracefork.rerun(tape, faults="again") asks it again if the run failed there, and fork does',
        f"{known} tracefork rerun {quote(run_id or 'RUN')} --retry-faults asks it again if the run failed "
        "there, and tracefork fork does",
    )


def _advise_rerun(run_id: str) -> str:
    return advise(
        "tracefork.rerun(tape) goes on from here: what is still asked is served, the rest is asked live",
        f"tracefork rerun {quote(run_id or 'RUN')} goes on from here: what is still asked is served, "
        "the rest is asked live",
        "if that is meant, record what is new, and keep the rest: {new}",
    )


class Stalled(Divergence):
    """Replay waited for a recorded question that the agent never put.

    `nearest` is the question that is due; `open_calls` lists who waits, as
    `"lane 'x' at file.py:12: ..."`; `patience` is in seconds.
    """

    def __init__(
        self,
        step: int,
        asked: Question | None = None,
        nearest: Question | None = None,
        lane: Lane = "",
        patience: float = 0.0,
        open_calls: tuple[str, ...] = (),
    ) -> None:
        super().__init__(step, asked, nearest, None, lane)
        self.args = (step, asked, nearest, lane, patience, open_calls)  # what a copy is made from
        self.patience = patience
        self.open_calls = open_calls

    def _say(self) -> str:
        due = f"for {self.nearest!r}, which never came" if self.nearest else "for nothing on the tape"
        waiting = "".join(f"\n  {call}" for call in self.open_calls)
        return f"step {self.step}: replay waited {self.patience:.3g} s {due}; open calls:{waiting}"


class Unfinished(TraceforkError):
    """The agent returned, but recorded questions were never asked.

    `unasked` holds them in their recorded order, `step` is the index of the
    first exchange that is left.
    """

    def __init__(self, unasked: tuple[Question, ...], step: int) -> None:
        super().__init__(unasked, step)
        self.unasked = unasked
        self.step = step

    @property
    def cure(self) -> str:
        """What to do if the agent was changed on purpose."""
        return _advise_rerun("")

    def __str__(self) -> str:
        return (
            f"step {self.step}: the agent stopped early; {len(self.unasked)} recorded questions "
            f"were never asked, first {self.unasked[0]!r}"
        )


class MissingTape(TraceforkError, LookupError):
    """A test asked something, and there is no tape to answer it from.

    `path` is the file that there should be, `asked` the question, and `command` runs the test again, with
    its first `{}` where options go.
    """

    def __init__(self, path: str, asked: Question | Outcome | None, command: str) -> None:
        super().__init__(path, asked, command)
        self.path, self.asked, self.command = path, asked, command

    def __str__(self) -> str:
        what = "tape" if self.path.endswith(".tape") else "cassette"
        return (
            f"there is no {what} {self.path}, and the test asks {_name(self.asked)}; "
            f"to record it: {self.command.replace('{}', '--tracefork-mode=once', 1)}"
        )


class NetworkBlocked(TraceforkError, ConnectionRefusedError):
    """A test that may connect nowhere asked `asked`."""

    def __init__(self, asked: Question | Outcome | None) -> None:
        super().__init__(asked)
        self.asked = asked

    def __str__(self) -> str:
        return (
            f"the network is blocked for this test, and it asks {_name(self.asked)}; mark it with "
            "@pytest.mark.tracefork to answer it from a tape, or allow the host: --allowed-hosts"
        )


def _name(asked: object) -> str:
    """A question as a sentence has it: method and URL of a request."""
    return f"{asked.method} {asked.url}" if isinstance(asked, Request) else repr(asked)


class MissingPart(TraceforkError):
    """`what` needs the distribution `needs`, which the extra `extra` brings; "" if none does."""

    def __init__(self, what: str, needs: str, extra: str) -> None:
        super().__init__(what, needs, extra)
        self.what, self.needs, self.extra = what, needs, extra

    def __str__(self) -> str:
        brings = f"'tracefork[{self.extra}]'" if self.extra else self.needs
        return f"{self.what} needs {self.needs}: pip install {brings}"


class Refused(TraceforkError, ConnectionRefusedError):
    """Something would have left the run: a connection in a replay, with `strict=True` anything else.

    To whoever asked it is a refused connection, an OSError, such as clients know how to bear.

    `target` is the address, the program or what a thread asked for, `site` the agent's line that led
    there, and `kind` that of an `Escape`, or "" for a connection in a replay. `strict` says whether it
    is refused because the run is strict, `client` which library asks, if it is one that is never recorded.
    `why` is a clause for what is no connection of a client that could be recorded, and what to do about it.
    """

    def __init__(
        self, target: str, site: str, kind: str = "", *, strict: bool = False, client: str = "", why: str = ""
    ) -> None:
        super().__init__(target, site, kind)
        self.why = why
        self.strict = strict
        self.client = client
        self.errno = ECONNREFUSED
        self.strerror = "refused by tracefork"
        self.target = target
        self.site = site
        self.kind = kind

    def __str__(self) -> str:
        if self.why:
            return f"refused {self.target}{f', from {self.site}' if self.site else ''}: {self.why}"
        allow = advise(f"allow=({self.target!r},)", f"--allow {quote(self.target)}")
        instead = "use httpx, aiohttp or requests"
        if self.client == "gRPC":
            instead = 'choose the REST transport of the library that uses it (often transport="rest")'
        wrap = f"{instead}, wrap the call in run.call(), or pass {allow}"
        if self.client:
            wrap = f"tracefork cannot record {self.client}: {wrap}"
        if not self.kind:
            return (
                f"refused to connect to {self.target} during replay, from {self.site}; "
                f"{wrap if self.client else f'this client is not recorded: {wrap}'}"
            )
        advice = {
            "connection": wrap,
            "thread": "start the thread within the run" + advise(', or pass scope="process"', ""),
            "process": "start it within run.call() or a tool",
        }[self.kind]
        what = f"{self.kind} that is not recorded: {self.target}, from {self.site}"
        if self.strict:
            return f"strict=True refused a {what}; {advice}{advise('', ', or run without --strict')}"
        if self.kind == "process":
            return f'processes="refuse" refused a {what}; {advice}'
        return f"the replay refused a {what}; it knows no run, and the tape has no answer for it: {advice}"


class InDoubt(TraceforkError):
    """A tool was called before the crash and no result was kept: it may have run or not.

    `call` is that call, and `asked` the one that would have run now: another argument, such as a key
    that is new each time, does not make it another payment. Resume with `on_doubt="rerun"` to let it
    run, or with a function that is given the `call` and returns its result.
    """

    def __init__(self, call: Call, asked: Call | None = None, what: str = "resume") -> None:
        super().__init__(call, asked, what)
        self.call = call
        self.asked = asked
        self.what = what

    def __str__(self) -> str:
        name, given = self.call.name, self.call.arguments or "(its arguments were too long to keep)"
        sentence = f"{name} was called before the crash and may have run: {given}"
        if self.asked is not None and self.asked != self.call:
            sentence += f"; now it is called again: {self.asked.arguments}"
        how = advise(
            'resume the run with on_doubt="rerun", or with a function from the call to its result',
            "to run it again: tracefork resume last --on-doubt rerun",
        )
        if self.what == "blame":
            more = advise("pass on_doubt= to blame", "pass --on-doubt to blame")
            return f"{sentence}; each fork might run it again: {how}, and blame what comes of that; or {more}"
        return f"{sentence}; {how}"


class ToolRefused(TraceforkError):
    """The agent called a tool where none may run, and no recorded call is equal.

    `call` is what it asked. Sticky: the run ends.
    """

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.call = call

    def __str__(self) -> str:
        return (
            f"{self.call!r} was called live, where tools do not run, and no recorded call is equal; pass "
            + advise('tools="live", or a function that answers in its stead', "--tools live, or --tools ask")
        )


class OverBudget(TraceforkError):
    """The next call could cost more than is left: `asked` and `left`, in `unit`."""

    def __init__(self, asked: float, left: float, unit: str) -> None:
        super().__init__(asked, left, unit)
        self.asked, self.left, self.unit = asked, left, unit

    def __str__(self) -> str:
        return f"the next call could cost {self.asked:.4g} {self.unit}, and {max(self.left, 0):.4g} are left"


class RedactedSecret(TraceforkError):
    """A request or a tool call that is about to be live holds a secret that the tape does not keep.

    `placeholder` names the secret, `where` says where it was to go, and `step` is the index of the exchange
    whose recorded answer gave it to the agent, None where that is not known.
    """

    def __init__(self, placeholder: str, where: str, surrogate: str = "", step: int | None = None) -> None:
        super().__init__(placeholder, where, surrogate, step)
        self.placeholder = placeholder
        self.where = where
        self.surrogate = surrogate
        self.step = step

    def __str__(self) -> str:
        given = "" if self.step is None else f"; step {self.step} gave it to the agent"
        cure = (
            "or answer the step that it came from"
            if self.step is None
            else f"or fork at step {self.step}, at=, so that it is asked again"
        )
        return (
            f"what goes to {self.where} holds {self.placeholder}, whose secret the tape does not keep{given}"
            f"; set the environment variable of that name, {cure}"
        )


class Unrecordable(TraceforkError):
    """A tool's argument, result or exception has no recorded form from which the same could be made again.

    Where it is a result or an exception the tool has run, and the tape says so: a replay raises this too.
    """

    def __init__(self, what: str, kind: str) -> None:
        super().__init__(what, kind)
        self.what = what
        self.kind = kind

    def __str__(self) -> str:
        return (
            f"{self.what} is a {self.kind}: a tape cannot keep it whole; use plain values, Enums, "
            "namedtuples, dataclasses, attrs or pydantic classes and exceptions that a module defines and "
            'that hold such; leave an argument out by tool(ignore=...); or record with unrecordable="warn"'
        )


class UnrecordedTools(TraceforkError):
    """A model called the tools `names`, which are no effects of the tape: each fork runs them for real."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self.names = names

    def __str__(self) -> str:
        return (
            f"the model called {', '.join(self.names)}, and the tape has no effect of that name: each fork "
            "would run it for real; make it a tool by wrap=[module.function], by --wrap module:function or "
            "by @tracefork.tool and record again, or pass tools_run_for_real=True (--tools-run-for-real)"
        )


class EditUnused(TraceforkError):
    """An edit met no request of the run: a typo must not look like an edit without effect.

    `edit` says what it was to do, `seen` how many requests it was shown, `problem` what none of them had,
    and `nearest` is the nearest place that one had, or "".
    """

    def __init__(self, edit: str, seen: int, problem: str, nearest: str = "") -> None:
        super().__init__(edit, seen, problem, nearest)
        self.edit = edit
        self.seen = seen
        self.problem = problem
        self.nearest = nearest

    def __str__(self) -> str:
        if not self.seen:
            return f"the edit was never tried: {self.edit}; {self.problem}"
        number = "the only request that it was shown" if self.seen == 1 else f"any of {self.seen} requests"
        near = f"; the nearest that is there is {self.nearest}" if self.nearest else ""
        return f"the edit met nothing in {number}: {self.edit}; {self.problem}{near}"


class EditRefused(TraceforkError):
    """A request cannot be edited: `edit` says what was to be done, `url` for whom, `problem` why not."""

    def __init__(self, edit: str, url: str, problem: str) -> None:
        super().__init__(edit, url, problem)
        self.edit = edit
        self.url = url
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"the request to {self.url} cannot be edited ({self.edit}): {self.problem}; leave it out by "
            "where=, or change it in the agent"
        )


class EditMissing(TraceforkError):
    """The run was edited by something of your own, `name`, of which the tape keeps no more than that."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"the requests of this run were edited by {self.name}, of which a tape keeps the name alone: "
            f"give it again by edits=[{self.name.rpartition(':')[2] or self.name}(...)]"
        )


class BadPrices(TraceforkError, ValueError):
    """A table of prices is none; `where` names the file, `problem` says what is wrong with it."""

    def __init__(self, problem: str, where: str = "") -> None:
        super().__init__(problem, where)
        self.problem = problem
        self.where = where

    def __str__(self) -> str:
        return f"{self.where or 'the table'}: {self.problem}"


class BadFilter(TraceforkError, ValueError):
    """Runs are looked for by `value`, which is none of the filter `name`; `advice` says what would be one."""

    def __init__(self, name: str, value: str, advice: str) -> None:
        super().__init__(name, value, advice)
        self.name, self.value, self.advice = name, value, advice

    def __str__(self) -> str:
        shown = advise(self.name, f"--{self.name.replace('_', '-')}")
        return f"{shown} cannot be {self.value!r}: {self.advice}"


class BadCassette(TraceforkError, ValueError):
    """A file is no cassette that can be read as a tape.

    `file` names it, `where` is the document, the interaction, both counted from 0, and the line, as far as
    they are known; `problem` says what is wrong there.
    """

    def __init__(self, problem: str, file: str = "", where: str = "") -> None:
        super().__init__(problem, file, where)
        self.problem = problem
        self.file = file
        self.where = where

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.file or "the cassette", self.where) if part)
        return (
            f"{place}: {self.problem}; record it again with its own recorder, or mend it there: only plain "
            "data of vcrpy, cassetter, betamax, Ruby VCR and HAR is read"
        )


class PolicyBroken(TraceforkError, AssertionError):
    """A run did what a policy of a test does not allow; `breaches` has all of it, the earliest first."""

    def __init__(self, breaches: tuple[Breach, ...], run_id: str = "") -> None:
        super().__init__(breaches, run_id)
        self.breaches = breaches
        self.run_id = run_id

    def __str__(self) -> str:
        return "\n".join(map(str, self.breaches))


class NotHeld(TraceforkError, AssertionError):
    """An agent did what its tape has, and still nobody can vouch for that: `problem` says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class PinRefused(TraceforkError):
    """No test was made of a run, and nothing written: `problem` says why, and what to do."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class BadCheck(PinRefused, ValueError):
    """What is to be checked of a result is `text`, of which no test can be made: `problem` says why.

    `column` is the character of its line `line` at which that is seen, both from 1; 0 if it is all of it.
    """

    def __init__(self, text: str, problem: str, line: int = 0, column: int = 0) -> None:
        Exception.__init__(self, text, problem, line, column)
        self.text = text
        self.problem = problem
        self.line = line
        self.column = column

    def __str__(self) -> str:
        line = f"line {self.line}, " if self.line > 1 else ""
        at = f"{line}character {self.column} of " if self.column else ""
        return f"{at}the check {self.text!r}: {self.problem}"


class UnfitAnswer(TraceforkError, ValueError):
    """`url` was asked for a stream, and what is given in its stead is none: `problem` says why."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(url, problem)
        self.url = url
        self.problem = problem

    def __str__(self) -> str:
        text = advise("text() or with_text() of tracefork.providers", "--text")
        return (
            f"{self.url} was asked for a stream, and the new answer is none: {self.problem}; give events "
            f"(lines that begin with data:), the vendor's whole message as JSON, or use {text}"
        )


class SocketLost(TraceforkError):
    """A run goes live in the middle of a conversation over a web socket, at `url`, or back to the tape.

    What the server had in mind of it is not there, and what it would say to all that again is not what it
    has said. A socket is served as a whole, or it is live as a whole.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url

    def __str__(self) -> str:
        return (
            f"the conversation with {self.url} is partly on the tape and partly live: its server does not "
            "know what was said before; fork at a step before the handshake of this socket, or let the agent "
            "open another one for what is to differ"
        )


class BodyOmitted(TraceforkError):
    """The agent reads a body that was longer than `max_body` when it was recorded."""

    def __init__(self, asked: Request, omitted: Omitted) -> None:
        super().__init__(asked, omitted)
        self.asked = asked
        self.omitted = omitted

    def __str__(self) -> str:
        return (
            f"the answer to {self.asked.method} {self.asked.url} was longer than max_body: of its "
            f"{self.omitted.length} bytes only the sha-256 was kept ({self.omitted.sha256}); record again "
            f"with a larger {advise('max_body=', '--max-body')}, or keep such downloads off the tape with "
            f"{advise('passthrough=', '--passthrough')}"
        )


class Exhausted(TraceforkError):
    """A scripted provider was asked more than it has answers. `answers` is how many it had."""

    def __init__(self, answers: int, asked: Question) -> None:
        super().__init__(answers, asked)
        self.answers = answers
        self.asked = asked

    def __str__(self) -> str:
        return f"the script has {self.answers} answers and was asked once more: {self.asked!r}"


class StoreError(TraceforkError):
    """The store refused; the message says what and where."""


class Unredacted(StoreError):
    """A secret that is known to this process stands in what would have been written: nothing was.

    `name` is the secret's. Values are taken out of questions, answers and
    what is told about a run, but not out of names that the agent gives: of its runs, tools and tasks.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"the value of {self.name} stood in what would have been written of a run: nothing was; "
            "look for it in names, such as those of the run, its tools, tasks and variables"
        )


class WorkspaceUnknown(TraceforkError, LookupError):
    """The run kept no working folder: none at all, or `at` is None or an exchange at which it kept none."""

    def __init__(self, run_id: str, at: int | None) -> None:
        super().__init__(run_id, at)
        self.run_id, self.at = run_id, at

    def __str__(self) -> str:
        where = "" if self.at is None else f" at exchange {self.at}"
        return (
            f"run {self.run_id!r} kept no working folder{where}: "
            "`tracefork run --gateway --workspace -- COMMAND` keeps one at each step"
        )


class WorkspaceChanged(TraceforkError):
    """The file at `path` has a content that the run never kept: to put the folder back would lose it."""

    def __init__(self, path: str, run_id: str) -> None:
        super().__init__(path, run_id)
        self.path, self.run_id = path, run_id

    def __str__(self) -> str:
        return (
            f"{self.path} has a content that run {self.run_id!r} does not know, and would be lost: "
            "put it elsewhere, let git ignore it, or write the run's files to another folder: "
            f"tracefork workspace {quote(self.run_id)} --to FOLDER"
        )


class NotFound(StoreError, LookupError):
    """There is no such run."""

    def __init__(self, name: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        have = f"; there are {', '.join(map(repr, self.known[:5]))}" if self.known else ""
        return f"there is no run {self.name!r}{have}"


class RunExists(StoreError):
    """The run_id is taken."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id

    def __str__(self) -> str:
        name = advise("run_id", "--run-id")
        return f"run {self.run_id!r} exists already; choose another {name}, or delete it first"


class Conflict(StoreError):
    """Another writer was first, or the log is sealed."""


class CorruptTape(TraceforkError, ValueError):
    """The bytes are not what was written.

    `where` locates the damage (a run, a chunk, an offset), `advice` says what to do,
    `log` names the log whose head it is, where a list of logs comes to one that is damaged.
    """

    log: str = ""

    default_advice: ClassVar[str] = "restore it from a copy, or salvage what is whole"

    def __init__(self, problem: str, where: str = "", advice: str = "") -> None:
        super().__init__(problem, where, advice)
        self.problem = problem
        self.where = where
        self._advice = advice

    @property
    def advice(self) -> str:
        return self._advice or self.default_advice

    def __str__(self) -> str:
        return f"{self.where + ': ' if self.where else ''}{self.problem}; {self.advice}"


class Truncated(CorruptTape):
    """The bytes stop early."""


class TooLarge(CorruptTape):
    """The bytes are more than the limits allow."""

    default_advice = "raise the limits if you trust where it comes from: limits=, or tracefork --no-limits"

    @property
    def advice(self) -> str:
        raise_limits = advise(self.default_advice, "if you trust where it comes from: tracefork --no-limits")
        return self._advice or raise_limits


class UnknownVersion(CorruptTape):
    """A newer tracefork wrote this."""

    default_advice = "update tracefork"


for _exported in (TraceforkError, Divergence):
    _exported.__module__ = "tracefork"  # as users import them, and as tracebacks then say


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    todo, seen = [exc], set[int]()
    while todo:
        error = todo.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup):
            todo += reversed(error.exceptions)
        todo += [error.__context__, error.__cause__]
