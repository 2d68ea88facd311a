"""Compares two tapes by meaning: every place where a question or an answer differs. Pure.

Chance is no speech: draws of clocks, ids and random numbers are left aside, variables are not.
Each question of an agent sends the history before it: a place in that is told once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from attrs import evolve

from ...core.diff import Difference, Parting
from ...core.diff import diff as exact_diff
from ...core.diff import diff_answers as exact_answers
from ...core.diff import diff_questions as exact_questions
from ...core.digest import Recorded
from ...core.matching import Matcher
from ...core.matching import exact as bytewise
from ...core.surrogates import mask_steps
from ...core.tape import Tape
from ...core.trees import NOTHING, WINDOW, Place, abridge, find_places, show_both
from ...core.values import (
    Answer,
    Call,
    Draw,
    Effect,
    Exchange,
    Fault,
    Question,
    Reply,
    Request,
    Response,
    Step,
)
from ...core.visible import visible
from ..pairing import Pair, pair_by_kind, pair_by_origins
from ..served import is_parent, knows_origins, pair_steps
from .ids import Ids, read_json
from .meaning import Quoted, compare_answers, compare_questions, compare_texts, read_values

_HISTORY = ("$.messages[", "$.input[", "$.contents[", "$.history[", "$.system")


def diff(
    left: Recorded, right: Recorded, *, exact: bool = False, matcher: Matcher | None = None
) -> Parting | None:
    """Return where the tapes `left` and `right` part, or None if the same was said in both.

    What counts is words, tool calls and their arguments and results, models, parameters and status;
    whether an answer was streamed does not, nor do ids, times, counts of tokens and what chance
    gave. An id counts where it refers to something else. The first place is returned; `every`
    of it has all, each place in a history that is sent again and again once.

    Steps of a run that went on from the other one stand beside those that they were served from, where the
    tape says so.

    Args:
        left: a Tape, or anything with `steps` sorted by began.
        right: as `left`.
        exact: compare all of it, ids, times, draws, headers and the order of ticks among it, as
            `tracefork.verify` does.
        matcher: what makes two questions equal in an exact comparison, which it asks for.
    """
    if exact or matcher is not None:
        first = exact_diff(left, right, matcher=matcher or bytewise)
        found = list(_compare_exactly(left, right, matcher or bytewise)) or [first] if first else []
    else:
        found = list(_compare(left, right))
    return evolve(found[0], rest=tuple(found[1:])) if found else None


# -- by meaning --------------------------------------------------------------------


def _compare(left: Recorded, right: Recorded) -> Iterator[Parting]:
    ours, theirs = mask_steps(left), mask_steps(right)
    ids, history = _chance(ours, theirs), _History()
    for index, here, there in _pair(left, right, ours, theirs):
        one, other = None if here is None else ours[here], None if there is None else theirs[there]
        if one is None or other is None:
            texts = (_name(step) if step else "nothing" for step in (one, other))
            yield Parting(index, Difference("steps", *texts), one, other)
            continue
        for place in _compare_steps(one, other, ids):
            if history.is_new(place):
                yield Parting(index, _describe(place), one, other)


def _pair(left: Recorded, right: Recorded, ours: Sequence[Step], theirs: Sequence[Step]) -> Iterator[Pair]:
    """Which of `ours`, the steps of `left`, stand beside which of `theirs`, those of `right`."""
    if isinstance(left, Tape) and isinstance(right, Tape):
        if _went_on(left, right):
            yield from pair_by_origins(ours, theirs, pair_steps(ours, theirs))
            return
        if _went_on(right, left):
            turned = pair_by_origins(theirs, ours, pair_steps(theirs, ours))
            yield from ((number, one, other) for number, other, one in turned)
            return
    yield from pair_by_kind(ours, theirs)


def _went_on(parent: Tape, tape: Tape) -> bool:
    return knows_origins(tape.parent, tape.steps) and is_parent(parent, tape)


def _chance(left: Sequence[Step], right: Sequence[Step]) -> Ids:
    """What chance gave: what was drawn in the left run stands for what the right one drew in its place."""
    ids = Ids()
    draws = [[step for step in side if isinstance(step, Draw)] for side in (left, right)]
    lanes = [dict.fromkeys(step.lane for step in side) for side in draws]
    are_alike = lanes[0].keys() == lanes[1].keys()
    for lane in lanes[0] if are_alike else [None]:  # who was quicker among strands is no matter
        chosen = ([step for step in side if lane is None or step.lane == lane] for side in draws)
        for one, other in zip(*chosen, strict=False):
            if one.source == other.source and one.source.kind != "env":
                ids.pair(one.reading.text, other.reading.text)
    return ids


def _describe(place: Place) -> Difference:
    if isinstance(place.left, Quoted) and isinstance(place.right, Quoted):
        return Difference(place.path, str(place.left), str(place.right))
    return Difference(place.path, *show_both(place.left, place.right))


class _History:
    """The differences already reported: each question of an agent sends the history again."""

    def __init__(self) -> None:
        self._told = set[int]()  # hashes: a history may be long

    def is_new(self, place: Place) -> bool:
        if not place.path.startswith(_HISTORY):
            return True
        here = hash((place.path, repr(place.left), repr(place.right)))
        is_new = here not in self._told
        self._told.add(here)
        return is_new


def _compare_steps(one: Step, other: Step, ids: Ids) -> Iterator[Place]:
    match one, other:
        case Exchange(), Exchange():
            yield from compare_questions(one.request, other.request, ids)
            yield from compare_answers(one, other, ids)
        case Effect(), Effect():
            yield from _compare_effects(one, other, ids)
        case Draw(), Draw() if one.source.kind == "env" and one.reading != other.reading:
            texts = (step.reading.text[1:] if step.reading.text else NOTHING for step in (one, other))
            yield Place(f"env.{one.source.name}", *texts)
        case _:
            pass


def _compare_effects(one: Effect, other: Effect, ids: Ids) -> Iterator[Place]:
    ours, theirs = one.reply, other.reply
    yield from compare_texts(one.call.arguments, other.call.arguments, "$", ids)
    if (
        isinstance(ours, Reply)
        and isinstance(theirs, Reply)
        and (ours.kind, ours.type) == (theirs.kind, theirs.type)
    ):
        yield from compare_texts(ours.value, theirs.value, "reply", ids)
    elif ours != theirs:
        yield Place("reply", Quoted(_reply(ours)), Quoted(_reply(theirs)))


def _reply(reply: Reply | Fault) -> str:
    detail = reply.message if isinstance(reply, Fault) else f"{reply.type} {reply.value}"
    return abridge(f"{reply.kind} {detail}".strip())


def _name(step: Step) -> str:
    return visible(_spell(step), one_line=True)


def _spell(step: Step) -> str:
    match step:
        case Exchange(request=request):
            return f"{request.method} {request.url}"
        case Effect(call=call):
            return f"{call.name}({call.arguments[:WINDOW]})"
        case Draw(source=source):
            return f"{source.kind} {source.name}".strip()


# -- to the letter -------------------------------------------------------------------


def _compare_exactly(left: Recorded, right: Recorded, matcher: Matcher) -> Iterator[Parting]:
    """Every place that is not the same to the letter, in questions, in answers and in the order of ticks."""
    index = 0
    for one, other in zip_longest(mask_steps(left), mask_steps(right)):
        if one is None or other is None:
            texts = (_name(step) if step else "the end" for step in (one, other))
            yield Parting(index, Difference("steps", *texts), one, other)
            continue
        found = list[Difference]()
        if matcher(one.asked) != matcher(other.asked):
            first = exact_questions(one.asked, other.asked)
            found += _list_all(first, *_letters(one.asked, other.asked), "$")
            found = found or [Difference("question", _name(one), _name(other))]
        if one.answer != other.answer:
            first = exact_answers(one.answer, other.answer)
            root = "reply" if isinstance(one, Effect) else "response"
            found += _list_all(first, *_letters(one.answer, other.answer), root)
        if one.span != other.span:
            found.append(Difference("order", repr(one.span), repr(other.span)))
        yield from (Parting(index, difference, one, other) for difference in found)
        index += isinstance(one, Exchange)


def _list_all(first: Difference | None, left: object, right: object, path: str) -> list[Difference]:
    """The first difference; and where that lies in JSON, or beside it, all that lie in it."""
    found = [_describe(place) for place in find_places(left, right, path)] if left is not None else []
    return found if first in found else [*([first] if first else []), *found]


def _letters(left: Question | Answer, right: Question | Answer) -> tuple[object, object]:
    """The JSON of both, or None twice."""
    match left, right:
        case (Request() as ours, Request() as theirs) | (Response() as ours, Response() as theirs):
            values = read_values(ours), read_values(theirs)
        case Call(), Call():
            values = read_json(left.arguments), read_json(right.arguments)
        case Reply(), Reply():
            values = read_json(left.value), read_json(right.value)
        case _:
            return None, None
    return (None, None) if None in values else values
