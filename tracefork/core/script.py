"""What a run follows: recorded lines, indexed once, and the tick at which it goes live.

A *line* is a recorded step as this run will treat it. Each of its ticks is the
recorded one, or None: "not before the run is live". A line without an answer is
asked of the real world.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeAlias

from attrs import field, frozen

from .matching import Matcher
from .values import Answer, Fault, Lane, Question, Request, Source, Step, Timing, is_abandoned

AT_ONCE = -1
NEVER = sys.maxsize


@frozen
class Line:
    """One recorded step as this run treats it.

    `origin` is the tick at which the step began that gave the answer. A question that claims a line which
    is to be answered `anew` makes a rerun leave the script; the word says why: see `Departure`.
    """

    asked: Question
    lane: Lane
    answer: Answer | None = None
    began: int | None = None
    headed: int | None = None
    ended: int | None = None
    timing: Timing = Timing()  # noqa: RUF009  it is frozen
    origin: int | None = None
    anew: str = ""

    @classmethod
    def of(cls, step: Step) -> Line:
        span = step.span
        ticks = span.began, span.headed, span.ended
        return cls(step.asked, step.lane, step.answer, *ticks, step.timing, span.began)

    @property
    def head_hops(self) -> int | None:
        return self.timing.head_hops

    @property
    def end_hops(self) -> int | None:
        return self.timing.end_hops

    @property
    def is_job(self) -> bool:
        """True for the end of an executor's job: an agent that does without it has not left the script."""
        return isinstance(self.asked, Source) and self.asked.is_job

    def gates(self) -> Iterable[int]:
        """The ticks that later ones wait for. An end the agent chose gates nobody."""
        ticks = {self.began, self.headed}
        if self.answer is not None and not is_abandoned(self.answer):
            ticks.add(self.ended)
        elif isinstance(self.answer, Fault):  # given up before the head: its only tick is that end
            ticks.discard(self.headed)
        return (t for t in ticks if t is not None)


@frozen
class Marks:
    """A set of naturals that fills from below: all under `low`, and the set bits of `ahead`.

    Bit 0 of `ahead` stands for `low`. An int is copied at a byte per eight
    marks, which keeps a step's cost flat where a frozenset's grows.
    """

    low: int = 0
    ahead: int = 0

    def __contains__(self, n: int) -> bool:
        return n < self.low or bool(self.ahead >> (n - self.low) & 1)

    def add(self, n: int) -> Marks:
        if n < self.low:
            return self
        if n == self.low and not self.ahead:  # in order, as most are
            return Marks(n + 1)
        ahead = self.ahead | 1 << (n - self.low)
        full = (ahead ^ (ahead + 1)).bit_length() - 1  # trailing ones
        return Marks(self.low + full, ahead >> full)


Index: TypeAlias = Mapping[object, tuple[int, ...]]


@frozen(eq=False)
class Script:
    """`lines` in the order they were asked, and LIVE from the tick `opens` on.

    The agent may leave it, and the run is live then, once the first `firm` gating ticks have happened.
    Once the run is live, lines that `may_serve(line)` serve equal questions; it is asked as late as that.
    """

    lines: tuple[Line, ...]
    opens: int
    matcher: Matcher
    places: Mapping[int, int] = field(repr=False)  # gating tick -> its place in their order
    ticks: tuple[int, ...] = field(repr=False)  # place -> gating tick
    by_place: tuple[int, ...] = field(repr=False)  # place -> the line whose tick it is
    gates: tuple[tuple[int, ...], ...] = field(repr=False)  # line -> the places of its gating ticks
    opening: int  # the place of the last gating tick up to `opens`
    firm: int  # more than there are, where the agent may never leave the script
    exchanges: tuple[int, ...] = field(repr=False)  # line -> how many exchanges came before it
    by_key: Index = field(repr=False)
    by_lane: Index = field(repr=False)
    by_both: Index = field(repr=False)
    jobs: Index = field(repr=False)  # by lane, the ends of executors' jobs, which by_lane leaves out
    mixed: frozenset[Lane]  # lanes that asked again before they had an answer: several strands share the name
    may_serve: Callable[[Line], bool] | None = field(default=None, repr=False)
    is_dry: bool = False  # where the agent leaves the script, the run halts all the same
    is_loose: bool = False  # asks wait for no ticks, and heads and ends for those of claimed lines alone
    _judged: dict[int, bool] = field(factory=dict, init=False, repr=False)  # what `may_serve` has said

    @classmethod
    def of(
        cls,
        lines: Iterable[Line],
        opens: int,
        matcher: Matcher,
        *,
        firm_until: int | None = None,
        may_serve: Callable[[Line], bool] | None = None,
        is_dry: bool = False,
    ) -> Script:
        """Return the script of `lines`, which the agent may leave after the tick `firm_until`, or never."""
        lines = tuple(lines)
        gates = [tuple(line.gates()) for line in lines]
        owner = {tick: n for n, ticks in enumerate(gates) for tick in ticks}
        places = {tick: place for place, tick in enumerate(sorted(owner))}
        by_key, by_lane, by_both, jobs = (defaultdict[object, list[int]](list) for _ in range(4))
        mixed, headed, exchanges = set[Lane](), dict[Lane, int](), [0]
        for n, line in enumerate(lines):
            if line.began is not None and not line.is_job:
                if line.began < headed.get(line.lane, AT_ONCE):
                    mixed.add(line.lane)
                headed[line.lane] = NEVER if line.headed is None else line.headed
            key = matcher(line.asked)
            by_key[key].append(n)
            (jobs if line.is_job else by_lane)[line.lane].append(n)
            by_both[key, line.lane].append(n)
            exchanges.append(exchanges[-1] + isinstance(line.asked, Request))
        opening = len(places) if opens == NEVER else sum(t <= opens for t in places) - 1
        firm = len(places) + 1 if firm_until is None else sum(t <= firm_until for t in places)
        return cls(
            lines,
            opens,
            matcher,
            places,
            tuple(places),
            tuple(owner[tick] for tick in places),
            tuple(tuple(places[tick] for tick in ticks) for ticks in gates),
            opening,
            firm,
            tuple(exchanges),
            _freeze(by_key),
            _freeze(by_lane),
            _freeze(by_both),
            _freeze(jobs),
            frozenset(mixed),
            may_serve,
            is_dry,
        )

    @property
    def may_be_left(self) -> bool:
        """True of a rerun's."""
        return self.firm <= len(self.places)

    @property
    def goes_live(self) -> bool:
        """False where every answer is on the tape: a replay."""
        return self.opens != NEVER or self.may_be_left

    def find_pause(self, place: int) -> float:
        """Recorded seconds that a strand took for the gating tick at `place`.

        They count from the tick before it of that strand, of one that made it, or of one that it made:
        others may have taken their time meanwhile, and take none in a run that is served.
        """
        if place >= len(self.ticks):
            return 0.0
        lane = self.lines[self.by_place[place]].lane
        kin = (n for n in range(place - 1, -1, -1) if _are_kin(lane, self.lines[self.by_place[n]].lane))
        before = next(kin, None)
        return self._find_time(place) - (self._start if before is None else self._find_time(before))

    def find_age(self, line: Line) -> float:
        """Seconds from the first question of the recording to the end of this line."""
        return line.timing.began + line.timing.ended - self._start

    @property
    def _start(self) -> float:
        return min((line.timing.began for line in self.lines if line.began is not None), default=0.0)

    def _find_time(self, place: int) -> float:
        line, tick = self.lines[self.by_place[place]], self.ticks[place]
        timing = line.timing
        after = 0.0 if tick == line.began else timing.headed if tick == line.headed else timing.ended
        return timing.began + after

    def turn(self, tick: int | None) -> int:
        """How many gating ticks must have happened before `tick` may."""
        return self.opening + 1 if tick is None else self.places.get(tick, 0)

    def first(self, index: Index, key: object, claimed: Marks) -> int | None:
        """The first unclaimed line under `key`."""
        lines = index.get(key, ())  # as `unclaimed` does it, without a generator for each question
        for place in range(bisect_left(lines, claimed.low), len(lines)):
            if lines[place] not in claimed:
                return lines[place]
        return None

    def rest(self, key: object, lane: Lane, claimed: Marks) -> Iterator[int]:
        """The lines with `key` in `lane` from the first unclaimed one on: there they are claimed in order."""
        lines = self.by_both.get((key, lane), ())
        first = bisect_left(lines, True, key=lambda n: n not in claimed)  # noqa: FBT003
        return (n for n in islice(lines, first, None) if n not in claimed)

    def unclaimed(self, index: Index, key: object, claimed: Marks) -> Iterator[int]:
        """The unclaimed lines under `key`, in their order."""
        lines = index.get(key, ())
        for place in range(bisect_left(lines, claimed.low), len(lines)):
            if lines[place] not in claimed:
                yield lines[place]

    def serves(self, n: int) -> bool:
        """True if the answer of line `n` serves an equal question of a live run. It is looked at once."""
        if n not in self._judged:
            line = self.lines[n]
            may = line.answer is not None and self.may_serve is not None and self.may_serve(line)
            self._judged[n] = may
        return self._judged[n]


def _are_kin(lane: Lane, other: Lane) -> bool:
    """True if they are one strand, or one made the other, or made one that did."""
    above, below = sorted((lane, other), key=len)
    return not above or above == below or below.startswith(f"{above}/")


def _freeze(index: Mapping[object, list[int]]) -> Index:
    return {key: tuple(lines) for key, lines in index.items()}
