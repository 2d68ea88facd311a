"""What the template is given: the head of the page, a row a step, the blame, the tree of branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from ..core.values import Fault, Lane
from ..providers.messages import (
    Completion,
    Media,
    Message,
    Other,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    texts,
)
from .blaming import Blame, Mark
from .figures import dollars, duration, moment, plural, share, short, size
from .pool import BETWEEN
from .titles import line
from .view import BranchView, StepView, View

Printed = tuple[str, str, str]
"""Kind, title and text of a part of a message."""

_SENTENCE = 400  # characters of what a blame report says of itself
_FINAL = 200  # characters of a branch's last words
_DIGEST = 12  # digits of a digest that are shown


@frozen
class Head:
    """The top of the page; `facts` and `pills` are triples, the last of each a longer form, or ""."""

    name: str
    run: str
    count: str
    outcome: str
    facts: tuple[tuple[str, str, str], ...]
    pills: tuple[tuple[str, str, str], ...]
    lanes: tuple[str, ...]


@frozen
class Card:
    """A message as it is printed."""

    kind: str
    role: str
    said: str
    parts: tuple[Printed, ...]


@frozen
class Row:
    """A line of the list; where the whole step is printed, its `messages`, and what is `kept` back."""

    index: int
    kind: str
    title: str
    preview: str
    took: str
    blame: str
    lane: str
    restarts: bool
    kept: str
    messages: tuple[Card, ...] | None


@frozen
class BlameRow:
    step: int
    title: str
    value: str
    said: str
    whisker: str
    dot: str
    decided: bool


@frozen
class BlameTable:
    """The ranking; `axis` labels its ends and middle, `at` is the place of the threshold, 0 to 100."""

    estimand: str
    meaning: str
    verdict: str
    summary: str
    line: str
    axis: tuple[str, str, str]
    at: str
    marks: tuple[BlameRow, ...]


@frozen
class Twig:
    """A branch, and those that left it in turn."""

    number: int
    at: int
    name: str
    said: str
    final: str
    branches: tuple[Twig, ...]


def head(view: View, *, live: bool = False) -> Head:
    """The top of the page; of a `live` one, without what is not known before the run is over."""
    totals = view.totals
    facts = [
        ("steps", f"{len(view.steps):,}", ""),
        ("took", duration(totals.seconds), ""),
        ("tokens", f"{short(totals.input)} in, {short(totals.output)} out", "") if totals.counted else None,
        ("cost", _cost(view), "") if totals.priced else None,
        ("recorded", moment(view.created_at), "") if view.created_at else None,
        ("digest", view.digest[:_DIGEST], view.digest),
    ]
    if live:
        facts = [fact for fact in facts if fact and fact[0] == "recorded"]
    outcome = str(view.outcome)
    kind = "plain" if live else "good" if view.outcome.kind == "returned" else "warn"
    pills = [(kind, "not over yet" if live else line(outcome, 60), "" if live else outcome)]
    if view.verified is not None:
        whole = view.verified == len(view.steps)
        said = "replays bit-exact" if whole else f"a replay matched {view.verified} of {len(view.steps)}"
        pills.append(("good" if whole else "warn", said, f"{view.verified} exchanges matched in a replay"))
    if view.secrets:
        pills.append(("warn", f"{plural(len(view.secrets), 'secret')} redacted", ", ".join(view.secrets)))
    if view.parent:
        at = f"branch of {view.parent.parent} at {view.parent.step}"
        pills.append(("plain", line(at, 60), f"{view.parent.name} {view.parent.desc}".strip()))
    return Head(
        line(view.agent_name or view.run_id or "run", 80),
        line(view.run_id or "RUN", 80),
        "not over yet" if live else plural(len(view.steps), "step"),
        line(outcome, 80),
        tuple(fact for fact in facts if fact),
        tuple(pills),
        tuple(map(lane_name, view.lanes)),
    )


def lane_name(lane: Lane) -> str:
    return line(lane, 60) or "main"


def steps(view: View, most: int, *, whole: bool) -> Iterator[Row]:
    """The rows of the list: at most `most`, or in a `whole` page all of them with their messages."""
    several = len(view.lanes) > 1
    marks = {mark.step: mark for mark in view.blame.marks} if view.blame else {}
    for step in view.steps if whole else view.steps[:most]:
        mark = marks.get(step.index)
        blamed = share(mark.value) if mark and mark.decided else ""
        yield Row(
            step.index,
            step.title.kind,
            step.title.title,
            step.title.preview,
            duration(step.ended - step.began),
            blamed,
            lane_name(step.lane) if several else "",
            restarts(view, step),
            _kept(view, step) if whole else "",
            tuple(_cards(view, step)) if whole else None,
        )


def restarts(view: View, step: StepView) -> bool:
    """True if the step asks a model, is not the first, and repeats no message that came before."""
    asks = any(isinstance(view.pieces[n].reading, Message) for n in step.lineage.fresh)
    return asks and not step.repeated and step.index > 0


def more(view: View, most: int) -> str:
    """What to say of the steps that are not listed."""
    left = len(view.steps) - most
    return f"{left:,} more steps are listed when scripts are on." if left > 0 else ""


def blame(view: View) -> BlameTable | None:
    found = view.blame
    if found is None:
        return None
    low = min([0.0, *(mark.low for mark in found.marks)])
    start = -1.0 if low < 0 and min(mark.value for mark in found.marks) < 0 else 0.0
    titles = {step.index: step.title.title for step in view.steps}

    def place(value: float) -> str:
        return f"{100 * (min(1.0, max(start, value)) - start) / (1 - start):.1f}"

    def row(mark: Mark) -> BlameRow:
        whisker = f"M{place(mark.low)} 8H{place(mark.high)}"
        return BlameRow(
            mark.step,
            titles.get(mark.step, ""),
            share(mark.value),
            _measured(found, mark),
            whisker,
            f"M{place(mark.value)} 8h0",
            mark.decided,
        )

    axis = (share(start), share((1 + start) / 2), share(1.0))
    return BlameTable(
        found.estimand,
        found.meaning,
        line(found.verdict, _SENTENCE),
        line(found.summary, _SENTENCE),
        share(found.threshold),
        axis,
        place(found.threshold),
        tuple(map(row, found.marks)),
    )


def branches(view: View) -> tuple[Twig, ...]:
    """The branches as a tree, by whom they left; one whose parent is not shown hangs on the trunk."""
    shown = {branch.run_id for branch in view.branches}
    below = dict[str, list[int]]()
    for number, branch in enumerate(view.branches):
        parent = branch.lineage.parent
        below.setdefault(parent if parent in shown and parent != branch.run_id else "", []).append(number)
    return _twigs(view, below, below.get("", ()), frozenset())


# -- below ---------------------------------------------------------------------------


def _twigs(
    view: View, below: dict[str, list[int]], numbers: Iterable[int], above: frozenset[str]
) -> tuple[Twig, ...]:
    twigs = list[Twig]()
    for number in sorted(numbers, key=lambda n: (view.branches[n].lineage.step, n)):
        branch = view.branches[number]
        if branch.run_id in above:
            continue  # two runs that name each other
        inner = _twigs(view, below, below.get(branch.run_id, ()), above | {branch.run_id})
        said = f"{plural(len(branch.steps), 'new exchange')}, {line(str(branch.outcome), 80)}"
        twigs.append(
            Twig(number, branch.lineage.step, line(branch.name, 80), said, _last_words(branch), inner)
        )
    return tuple(twigs)


def _last_words(branch: BranchView) -> str:
    said = branch.steps[-1].completion.text if branch.steps and branch.steps[-1].completion else ""
    return line(said, _FINAL)


def _measured(found: Blame, mark: Mark) -> str:
    counted = f" ({mark.flips} of {mark.trials} re-runs)" if mark.trials and mark.flips is not None else ""
    interval = f"95% interval {share(mark.low)} to {share(mark.high)}"
    decided = "decided" if mark.decided else "not decided"
    return f"step {mark.step}: {found.estimand} {share(mark.value)}{counted}, {interval}, {decided}"


def _cost(view: View) -> str:
    totals = view.totals
    some = "" if totals.priced == totals.counted else f" for {totals.priced} of {totals.counted} steps"
    return dollars(totals.cost) + some


def _kept(view: View, step: StepView) -> str:
    """A sentence on the messages that are not printed again."""
    if step.lineage.base is None:
        return ""
    since = view.every_step[step.lineage.base].index
    earlier = plural(step.repeated, "earlier message")
    return f"{earlier} unchanged since step {since} ({size(step.hidden)} hidden)"


def _cards(view: View, step: StepView) -> Iterator[Card]:
    for number in step.lineage.fresh:
        piece = view.pieces[number]
        match piece.reading:
            case Message(role) if number in step.echoed and step.lineage.base is not None:
                base = view.every_step[step.lineage.base].index
                yield Card("asked", role, f"the answer of step {base}, sent back unchanged", ())
            case Message(role, parts):
                yield Card("asked", role, f"new, {size(len(piece.text))}", tuple(map(printed, parts)))
            case tuple() as tools:
                declared = tuple(("other", tool.name, tool.description) for tool in tools)
                yield Card("asked", "tools", "declared", declared)
            case None if piece.key != BETWEEN or (piece.text.strip() and not step.api):
                yield Card("asked", piece.key or "request", "", (("other", "", piece.text),))
            case _:
                pass
    yield from _answer_cards(view, step)


def _answer_cards(view: View, step: StepView) -> Iterator[Card]:
    answer, completion = step.exchange.answer, step.completion
    if isinstance(answer, Fault):
        yield Card("failed", answer.kind, "no response", (("text", "", answer.message),))
    elif isinstance(completion, Completion) and completion.failure:
        failure = completion.failure
        yield Card(
            "failed", failure.type or "error", f"HTTP {answer.status}", (("text", "", failure.message),)
        )
    elif isinstance(completion, Completion):
        for choice in completion.choices:
            parts = tuple(map(printed, choice.message.parts))
            yield Card("answer", choice.message.role, choice.stop_reason, parts)
    else:
        number = step.response if step.decoded is None else step.decoded
        piece = None if number is None else view.pieces[number]
        text = piece.text if piece and not piece.binary else f"{size(answer.size)} that are no text"
        yield Card("answer", "response", f"HTTP {answer.status}", (("other", "", text),))


def printed(part: Part) -> Printed:
    """A part of a message as text."""
    match part:
        case Text(text):
            return "text", "", text
        case Thinking(text):
            return "thinking", "thinking", text or "(not shown by the vendor)"
        case ToolCall(_, name, arguments):
            return "call", f"→ {name}", arguments
        case ToolResult(_, parts, name, is_error):
            title = "✕ tool error" if is_error else "← tool result"
            return "wrong" if is_error else "result", f"{title} {name}".strip(), "\n".join(texts(parts))
        case Media(kind, media_type, bytes_, url):
            told = ", ".join(x for x in (media_type, size(bytes_) if bytes_ is not None else "", url) if x)
            return "media", f"[{kind}]", told
        case Other(kind, json):
            return "other", kind, json
