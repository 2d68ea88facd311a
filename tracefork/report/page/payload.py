"""A View as blocks of compressed JSON: what a page needs at once, and what it opens when asked.

    index          the run, a row for each step, the blame, and where each chunk begins
    c0 c1 ...      pieces, in chunks of about `CHUNK` characters: [text, binary, reading, key]
    f0 f1 ...      facts of `FACTS` steps each: headers, times of chunks, ...
    tape           what is left, to give the tape back

Blocks are gzip, since browsers undo nothing better, and the same for the same View.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

from attrs import astuple, frozen

from ...codec.strict_json import are_whole
from ...core.tape import Tape
from ...core.values import Lane
from ...errors import CorruptTape
from ..figures import dollars
from ..model.blame import Mark
from ..model.course import tell
from ..model.pool import Piece
from ..model.problems import Problem, find_problems
from ..model.repeats import Lineage
from ..model.rows import view_row
from ..model.strands import Strand
from ..model.titles import line
from ..model.view import BranchView, StepView, View
from . import step_json
from .pieces_json import spell

CHUNK = 256 * 1024
FACTS = 256
LEVEL = 7  # 8 takes an eighth longer, and gives a third of a percent
GZIP = 31  # bits of the window, and a gzip header without a time

_HALF = re.compile("[\ud800-\udfff]")
_NO_PAIR = re.compile("[\ud800-\udbff]|(?<![\ud800-\udbff])[\udc00-\udfff]")


@frozen
class Block:
    """A named part of the payload: `text` is JSON, as `dump_exactly` writes it."""

    name: str
    text: str

    @property
    def packed(self) -> str:
        """The base64 of its gzip."""
        made = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
        data = self.text.encode("utf-8", "surrogatepass")
        return base64.b64encode(made.compress(data) + made.flush()).decode()


def blocks(view: View, tape: Tape, listed: int) -> Iterator[Block]:
    """All blocks, the index first, of a page that lists the first `listed` steps itself."""
    cut = list(_chunk(view.pieces))
    yield Block("index", dump_exactly(index(view, [first for first, _ in cut], listed)))
    for number, (first, count) in enumerate(cut):
        yield Block(f"c{number}", dump_exactly([entry(p) for p in view.pieces[first : first + count]]))
    every = view.every_step
    for number, start in enumerate(range(0, len(every), FACTS)):
        facts = list(map(_facts, every[start : start + FACTS]))
        yield Block(f"f{number}", dump_exactly(facts))
    yield Block("tape", dump_exactly(step_json.of_run(tape, view.digest)))


def entry(piece: Piece) -> list[object]:
    """One piece, as a chunk has it."""
    return [piece.text, int(piece.binary), spell(piece), piece.key]


def index(view: View, chunks: Sequence[int], listed: int) -> dict[str, object]:
    """What a page needs at once; `chunks` has the number of each chunk's first piece.

    The page itself lists the first `listed` of the run's own steps.
    """
    listed = min(listed, len(view.steps))
    lanes = {lane: number for number, lane in enumerate(view.lanes)}
    return {
        "run": view.run_id,
        "steps": [row(step, lanes, listed=n < listed) for n, step in enumerate(view.every_step)],
        "own": len(view.steps),
        "asides": [[aside.before, aside.summary, aside.asked, aside.answered] for aside in view.asides],
        "lanes": list(view.lanes),
        "branches": [_branch(branch) for branch in view.branches],
        "blame": [[m.step, m.value, m.low, m.high, int(m.decided)] for m in _marks(view)],
        "problems": [_problem(one) for one in view.problems],
        "end": view.ending.at,
        "strands": list(map(_strand, view.strands)) if len(view.strands) > 1 else [],
        "chunks": [*chunks, len(view.pieces)],
        "facts": FACTS,
    }


def growth(
    step: StepView, pool: Sequence[Piece], first: int, lanes: Sequence[Lane], known: int
) -> dict[str, object]:
    """What an open page needs for one more step: its row and facts, and the pieces that came with it.

    Of the pieces of the `pool` these are those from `first` on. Of `lanes`, in the order in which they were
    first seen, the page has the first `known`. What went wrong at the step is told as far as it shows there.
    """
    return {
        "row": row(step, {step.lane: lanes.index(step.lane)}),
        "facts": _facts(step),
        "pieces": list(map(entry, pool[first:])),
        "lanes": list(lanes[known:]),
        "problems": [_problem(one) for one in find_problems((step,), (), pool)],
    }


def row(step: StepView, lanes: dict[str, int], *, listed: bool = False) -> dict[str, object]:
    """One step of the index; blanks are left out, and the preview of a step that the page lists itself."""
    row = view_row(step)
    usage, lineage = row.usage, step.lineage
    columns: dict[str, object] = {
        "i": row.index,
        "q": _weave(lineage),
        "r": step.response,
        "d": step.decoded,
        "k": row.title.kind,
        "n": row.title.head,
        "p": "" if listed else row.title.tail,
        "s": row.status,
        "w": f"{row.what} {row.url}",
        "f": row.fault,
        "a": step.api,
        "m": row.model,
        "t": [round(time, 4) for time in (row.began, row.headed, row.ended)],
        "u": [usage.input, usage.cached, usage.output] if usage else None,
        "c": None if row.cost is None else dollars(row.cost),
        "h": None if lineage.base is None else [step.repeated, step.hidden],
        "x": 1 if row.restarts else None,
        "b": list(step.echoed),
        "o": row.mark,
        "e": row.source,
        "z": [row.asked_size, row.heard_size],
        "l": lanes[row.lane],
    }
    return {key: value for key, value in columns.items() if value is not None and value not in ("", [])}


def dump(value: object) -> str:
    """JSON that is UTF-8 even where a text is not: half of a surrogate pair stays an escape."""
    return _escape(value, _HALF)


def dump_exactly(value: object) -> str:
    """`dump`, but that two halves in a row stay two, where two escapes would be read as one character.

    The second is as it is in the text, and thus no UTF-8: a browser shows that it cannot be shown.
    """
    return _escape(value, _NO_PAIR)


def _escape(value: object, halves: re.Pattern[str]) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise CorruptTape(
            "a time or another number in it is not finite", advice="correct the tape: no page can hold it"
        ) from error
    try:
        text.encode()
    except UnicodeEncodeError:
        return halves.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text


def _facts(step: StepView) -> step_json.Facts:
    """The facts of a step, and the milliseconds from each event to the next where chunks do not say so."""
    facts = step_json.of_step(step.exchange)
    spelled = cast("list[object]", cast("list[object]", facts["timing"])[3])
    if not step.arrivals or (step.arrivals == step.exchange.timing.chunks and are_whole(spelled)):
        return facts
    times = [round(1000 * time) for time in step.arrivals]
    gaps = [here - there for there, here in pairwise([0, *times])]
    return facts if gaps == spelled else {**facts, "events": gaps}


def _weave(lineage: Lineage) -> list[object]:
    base = -1 if lineage.base is None else lineage.base
    return [base, *(part if isinstance(part, int) else list(part) for part in lineage.woven)]


def _branch(branch: BranchView) -> dict[str, object]:
    columns: dict[str, object] = {
        "name": branch.name,
        "of": branch.above,
        "place": branch.place,
        "at": branch.parts_at,
        "first": branch.first,
        "count": len(branch.steps),
        "ended": branch.ending.rstrip("."),
        "kin": int(branch.is_kin),
        "told": [astuple(fact) for fact in tell(branch.course)] if branch.course else (),
        "beside": branch.beside,
    }
    return {key: value for key, value in columns.items() if value != ()}


def _problem(problem: Problem) -> list[object]:
    mended = [] if problem.recovered is None else [problem.recovered]
    return [problem.step, problem.kind, problem.what, *mended]


def _strand(strand: Strand) -> list[object]:
    first = strand.steps[0] if strand.steps else -1
    by, to = (-1 if step is None else step for step in (strand.started_by, strand.told_in))
    return [strand.name, first, by, to, line(strand.result)]


def _marks(view: View) -> tuple[Mark, ...]:
    """The marks of steps that the run has, one for each."""
    found = view.blame.by_step if view.blame else ()
    return tuple(mark for mark in found if 0 <= mark.step < len(view.steps))


def _chunk(pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """The first piece of each chunk, and how many it has."""
    first = size = 0
    for number, piece in enumerate(pieces):
        size += len(piece.text)
        if size >= CHUNK or number == len(pieces) - 1:
            yield first, number + 1 - first
            first, size = number + 1, 0
