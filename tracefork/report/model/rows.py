"""A step as one line of a list: the value from which terminal, Markdown, page and JSON write theirs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from attrs import evolve, frozen

from ...core.tape import Tape
from ...core.values import (
    Answer,
    Call,
    Fault,
    Lane,
    Pending,
    Question,
    Reading,
    Reply,
    Request,
    Response,
    Source,
    Step,
)
from ...providers.messages import Usage
from ...providers.paths import find_model
from ..figures import duration, share
from ..served import Mark, find_sources, mark_steps, number_exchanges
from .titles import Title, host_and_path, line
from .view import Aside, StepView, View

_UNREAD = Title("http", "", "")


@frozen(kw_only=True)
class StepRow:
    """What a list says of a step: what it asked, what came of it, how much that was and how long it took.

    `index` is that of an exchange, None for a draw, a tool call, and what was in flight at the end.
    `what` is the HTTP method, "tool", "agent" or "draw"; `where` is host and path, or a name. `status` is
    HTTP's, or the word for what came instead; `ending` is "stream" and how it ended, where not by itself;
    `fault` says in full what went wrong on the way. Sizes are in bytes, times in seconds. `mark` and `source`
    are as a StepView's. `title`, `usage`,
    `cost`, `restarts` and `blame` are known to a View, and blank without one.
    """

    index: int | None
    what: str
    where: str
    url: str = ""
    status: int | str
    ending: str = ""
    fault: str = ""
    model: str = ""
    asked_size: int = 0
    heard_size: int = 0
    lane: Lane = ""
    began: float = 0.0
    headed: float = 0.0
    ended: float = 0.0
    title: Title = _UNREAD
    usage: Usage | None = None
    cost: Decimal | None = None
    restarts: bool = False
    blame: str = ""
    mark: Mark = ""
    source: int | None = None

    @property
    def outcome(self) -> str:
        """The status, and how the body came and ended where that is not at once and by itself."""
        return f"{self.status} {self.ending}" if self.ending else str(self.status)

    @property
    def seconds(self) -> float:
        """From the ask to the end."""
        return self.ended - self.began

    @property
    def took(self) -> str:
        return duration(self.seconds)


def tape_rows(tape: Tape, parent: Tape | None = None) -> Iterator[StepRow]:
    """A row for each step, in the order in which they began; then for what was in flight at the end.

    `parent` is the run that it went on from, if that is at hand.
    """
    sources = find_sources(parent, tape)
    for step, mark, number in zip(
        tape.masked.steps, mark_steps(tape), number_exchanges(tape.steps), strict=True
    ):
        source = None if number is None else sources.get(number)
        yield evolve(step_row(step, number), model=_model(step.asked), mark=mark, source=source)
    for left in tape.pending:
        yield evolve(step_row(left), model=_model(left.asked))


def view_rows(view: View) -> Iterator[StepRow]:
    """A row for each of the run's own exchanges, with its share of the blame where that is decided."""
    marks = {mark.step: mark for mark in view.blame.by_step} if view.blame else {}
    for step in view.steps:
        row, mark = view_row(step), marks.get(step.index)
        yield evolve(row, blame=share(mark.value)) if mark and mark.decided else row


def view_row(step: StepView) -> StepRow:
    """The row of one exchange of a View, be it the run's own or a branch's."""
    exchange = step.exchange
    request, answer = exchange.request, exchange.answer
    status, ending = _status(answer)
    return StepRow(
        index=step.index,
        what=request.method,
        where=host_and_path(request.url),
        url=request.url,
        status=status,
        ending=ending,
        fault=_fault(answer),
        asked_size=step.asked_size,
        heard_size=step.heard_size,
        lane=exchange.lane,
        model=step.model,
        began=step.began,
        headed=step.headed,
        ended=step.ended,
        title=step.title,
        usage=step.usage,
        cost=step.cost,
        restarts=step.restarts,
        mark=step.mark,
        source=step.source,
    )


def step_row(step: Step | Pending, index: int | None = None) -> StepRow:
    """The row of a step by itself; its times are counted from its own beginning."""
    what, where = name_of(step.asked)
    answer, timing = (None, None) if isinstance(step, Pending) else (step.answer, step.timing)
    status, ending = _status(answer)
    return StepRow(
        index=index,
        what=what,
        where=where,
        url=step.asked.url if isinstance(step.asked, Request) else "",
        status=status,
        ending=ending,
        fault=_fault(answer),
        asked_size=_asked_size(step.asked),
        heard_size=_heard_size(answer),
        lane=step.lane,
        headed=timing.headed if timing else 0.0,
        ended=timing.ended if timing else 0.0,
    )


def asides_before(view: View) -> dict[int, list[Aside]]:
    """The asides of a View by the index of the exchange that comes next, their lanes as they are shown."""
    found = defaultdict[int, list[Aside]](list)
    for aside in view.asides:
        found[aside.before].append(evolve(aside, lane=show_lane(view, aside.lane)))
    return found


def view_lines(view: View) -> Iterator[StepRow | Aside]:
    """The rows of the run's own exchanges, and its asides between them."""
    before = asides_before(view)
    for step, row in zip(view.steps, view_rows(view), strict=True):
        yield from before.get(step.index, ())
        yield row
    yield from before.get(len(view.steps), ())


def lane_name(lane: Lane) -> str:
    return line(lane, 60) or "main"


def show_lane(view: View, lane: Lane) -> str:
    """The name of a lane; "" in a View that has but one."""
    return lane_name(lane) if len(view.lanes) > 1 else ""


def name_of(question: Question) -> tuple[str, str]:
    """What a question is and whom it asks: method, and host and path; or a word for its kind, and a name."""
    match question:
        case Request(method, url):
            return method, host_and_path(url)
        case Call(name):
            return "agent" if question.inside else "tool", name
        case Source(kind, name):
            return "draw", f"{kind} {name}".strip()


def _status(answer: Answer | None) -> tuple[int | str, str]:
    match answer:
        case None:
            return "in flight", ""
        case Fault(kind):
            return kind, ""
        case Response(status) as response:
            end = response.end.kind if isinstance(response.end, Fault) else response.end
            kept = response.kept
            many = len(kept if isinstance(kept, tuple) else kept.lengths()) > 1
            stream = "stream" if many else ""
            return status, f"{stream} {'' if end == 'eof' else end}".strip()
        case Reply(kind, _, of):
            return f"{kind} {of}".strip(), ""
        case Reading(text):
            return text, ""


def _fault(answer: Answer | None) -> str:
    found = answer.end if isinstance(answer, Response) else answer
    return f"{found.kind}: {found.message}" if isinstance(found, Fault) else ""


def _asked_size(question: Question) -> int:
    match question:
        case Request():
            return len(question.kept)
        case Call(arguments=arguments):
            return len(arguments)
        case Source():
            return 0


def _heard_size(answer: Answer | None) -> int:
    match answer:
        case Response():
            return answer.size
        case Reply(value=value):
            return len(value)
        case _:
            return 0


def _model(question: Question) -> str:
    """The model that a request names in its JSON, whoever the vendor is, or in its path."""
    if not isinstance(question, Request):
        return ""
    if b'"model"' not in question.body:
        return find_model(question.url)
    try:
        found = json.loads(question.body)
    except (ValueError, RecursionError):
        return ""
    named = found.get("model") if isinstance(found, dict) else None
    return str(named or find_model(question.url))
