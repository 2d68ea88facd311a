"""Which line of its script a question claims: the machine's rules 1-7, 18, 20-22, 24-26 and 29. Pure."""

from __future__ import annotations

from itertools import chain

from attrs import evolve

from .events import Asked, Halt
from .matching import exact
from .script import Line
from .state import State, find_due, find_expected
from .values import Call, Lane, Question, Request, Source


def find_line(state: State, event: Asked) -> tuple[int | Halt | None, Question]:
    """The line that `event` claims in one of its forms, and its question, as it is kept."""
    if state.live:
        return find_reusable(state, event)
    forms = event.forms if event.edited else ((event.question, event.question), *event.forms)
    expected, likeliest = find_expected(state, event.lane), None
    for form, asked in (*(pair for pair in forms if pair[0] == expected), *forms) if event.forms else ():
        line, question = found = _find_in_form(state, evolve(event, question=form))  # rule 24
        if isinstance(line, int):
            is_served = state.script.lines[line].answer is not None
            return line, question if is_served else asked  # rule 25
        likeliest = likeliest or found
    line, question = _find_in_form(state, event)
    if not event.edited:
        return line, question
    if isinstance(line, int) and (recorded := state.script.lines[line]).answer is not None:
        if exact(recorded.asked) == exact(event.question):
            return line, question
        opens = state.script.opening < len(state.script.places)
        return (None if opens else Halt(event.question, event.lane, line)), event.question  # rule 26
    if isinstance(line, Halt) and likeliest is not None and isinstance(likeliest[0], Halt):
        return likeliest  # what it is likely to be says best where the agent left
    return line, question


def _find_in_form(state: State, event: Asked) -> tuple[int | Halt | None, Question]:
    """The line that `event` claims, and its question; of equal questions the script's, to keep one copy."""
    script, question = state.script, event.question
    if isinstance(question, Source) and question.is_job:
        return _claim_job(state, question, event.lane), question
    own = script.first(script.by_lane, event.lane, state.claimed)
    if own is not None and script.lines[own].asked == question:
        return own, _choose(script.lines[own], question)  # rule 1; equal: its key need not be made
    line = _claim(state, event, own)
    if isinstance(line, int) and script.lines[line].asked == question:
        return line, _choose(script.lines[line], question)
    return line, question


def _choose(line: Line, question: Question) -> Question:
    """Of two equal questions the script's; but of a tool that is to run the one that knows its code."""
    match line.asked:
        case Call(inside="") if line.answer is None:
            return question
        case asked:
            return asked


def _claim(state: State, event: Asked, own: int | None) -> int | Halt | None:
    """The line that `event` claims, None if it goes live; `own` is its lane's next line."""
    script, claimed, question = state.script, state.claimed, event.question
    is_one_strand = event.alone and event.lane not in script.mixed
    owes = own is not None and script.lines[own].began is not None
    key = script.matcher(question)
    same = script.first(script.by_both, (key, event.lane), claimed)
    if same is not None and same == own:
        return same  # rule 1
    if same is not None and not is_one_strand:
        return same  # rule 2
    if owes and is_one_strand:
        return Halt(question, event.lane, own)  # rule 3
    if (other := script.first(script.by_key, key, claimed)) is not None:
        return other  # rule 4
    opens = script.opening < len(script.places)
    if opens and not owes and (event.waits or isinstance(question, Source)):
        return None  # rule 5
    return Halt(question, event.lane, find_due(state))  # rule 6


def _claim_job(state: State, job: Source, lane: Lane) -> int | None:
    script, key = state.script, state.script.matcher(job)
    own = script.first(script.by_both, (key, lane), state.claimed)
    return script.first(script.by_key, key, state.claimed) if own is None else own  # rule 7


def check_line(state: State, event: Asked, line: int) -> int | Halt:
    """`line`, which `event` claims, or the halt where its answer is not to be served."""
    recorded = state.script.lines[line]  # rule 18
    if recorded.anew and recorded.answer is None and recorded.began is not None:
        return Halt(event.question, event.lane, line, reason=recorded.anew)
    if state.script.may_be_left and _is_other_function(recorded.asked, event.question):
        return Halt(event.question, event.lane, line, reason="code")
    return line


def find_reusable(state: State, event: Asked) -> tuple[int | None, Question]:
    """The line whose answer serves `event` in a live run, if one does, and its question."""
    script, question = state.script, event.question
    if script.is_loose and state.parted is None and isinstance(question, Request):
        line = script.first(script.by_key, script.matcher(question), state.claimed)
        if line is not None and script.lines[line].began is not None:
            return line, question  # rule 29
    if script.may_serve is None or (isinstance(question, Call) and _has_to_run(state, question)):
        return None, question  # rules 9, 22
    key, claimed = script.matcher(question), state.claimed
    lines = script.rest(key, event.lane, claimed)  # rule 20
    if not isinstance(question, Source):  # rule 21
        lines = chain(lines, script.unclaimed(script.by_key, key, claimed))
    for line in lines:
        recorded = script.lines[line].asked
        if event.edited and exact(recorded) != exact(question):  # rule 26
            continue
        if script.serves(line) and not _is_other_function(recorded, question):
            return line, recorded if recorded == question else question
    return None, question


def _has_to_run(state: State, call: Call) -> bool:
    return bool(call.inside) or (call.repeatable and bool(state.ran))


def _is_other_function(recorded: Question, asked: Question) -> bool:
    """True of calls of two functions, or of a tool and a sub-agent."""
    if not (isinstance(recorded, Call) and isinstance(asked, Call)):
        return False
    return bool(asked.inside) != bool(recorded.inside) or asked.is_other_function(recorded)
