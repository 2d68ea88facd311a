"""Reads a run while it is being recorded: gives each step once, when it has ended."""

from __future__ import annotations

from ..backends.base import Backend
from ..codec import journal, pack
from ..codec.limits import Limits
from ..codec.records import Asked, Closed, Ended, Header, Hidden, Parent, complete
from ..core.surrogates import NONE
from ..core.values import Step
from ..errors import Conflict, CorruptTape, NotFound, Truncated


class Following:
    """The steps of the run `head.run_id`, in the order in which they ended. One thread may use it.

    All that it gives are the steps of the finished tape, each once, whenever the run is sealed.
    `over` becomes True once the run is closed, sealed or gone, and nothing is left to give.
    `began` is when the first question was asked, in seconds since the epoch; None before that.
    `surrogates` are those in what was given so far.
    """

    def __init__(self, backend: Backend, head: Header, parent: Parent, limits: Limits) -> None:
        self.head = head
        self.over = False
        self.began: float | None = None
        self.surrogates = NONE
        self._backend = backend
        self._parent, self._limits = parent, limits
        self._decoder = journal.Decoder(head.run_id, parent, limits)
        self._asked: dict[int, Asked] = {}
        self._given = set[int]()  # the ticks at which the steps began that were given
        self._next = 1
        self._damage: CorruptTape | None = None

    @property
    def chunks(self) -> int:
        """How many chunks of the run's log were read; 1 is its header alone."""
        return self._next

    def steps(self) -> list[Step]:
        """Return the steps that have ended since the last call.

        Raises:
            CorruptTape: the log is damaged, or more than the limits allow. What came before
                that was given by an earlier call.
            StoreError: the backend refused.
        """
        ended = list[Step]()
        if self.over:
            return ended
        try:
            first = next(iter(self._backend.chunks(self.head.run_id)), b"")
            if not _same(journal.decode_header(first), self.head):
                self.over = True
            elif pack.is_packed(first):
                ended += self._rest(first)
            elif not self._damage:
                self._read(ended)
        except NotFound:
            self.over = True
        except Conflict:
            pass  # sealed or deleted while it was read: the next look tells which
        except CorruptTape as exc:
            self._damage = exc
        if self._damage and not ended and not self.over:
            raise self._damage
        self._given.update(step.span.began for step in ended)
        return ended

    def _read(self, ended: list[Step]) -> None:
        """Read the chunks that came since, into `ended`."""
        chunks = iter(self._backend.chunks(self.head.run_id, self._next))
        for chunk in chunks:
            try:
                records = self._decoder.records(chunk)
            except Truncated:
                if next(chunks, None) is None:
                    return  # the end is still being written
                raise
            self._next += 1
            for record in records:
                match record:
                    case Asked(call):
                        self._asked[call] = record
                        self._since(record.at)
                    case Ended(call):
                        ended.append(self._make_step(record, self._asked.pop(call, None)))
                    case Hidden(more):
                        self.surrogates = self.surrogates.plus(more)
                    case Closed():
                        self.over = True
                    case _:
                        pass

    def _rest(self, packed: bytes) -> list[Step]:
        """Return the steps of a run that was sealed since which no call has returned."""
        tape = pack.unpack(packed, self._parent, self._limits)
        self.over, self.surrogates = True, tape.surrogates
        left = [step for step in tape.steps if step.span.began not in self._given]
        for one in left:
            self._since(one.timing.began)
        return sorted(left, key=lambda step: step.span.ended)

    def _since(self, time: float) -> None:
        self.began = time if self.began is None else min(self.began, time)

    @staticmethod
    def _make_step(record: Ended, asked: Asked | None) -> Step:
        if asked is None:
            raise CorruptTape(f"call {record.call} ends and was not open")
        made = complete(asked, record)
        if made is None:
            raise CorruptTape(f"call {record.call} got an answer of another kind")
        return made


def _same(one: Header, other: Header) -> bool:
    """True of the headers of one run; where it left its parent may be known by one of them alone."""
    parents = [head.parent.parent if head.parent else None for head in (one, other)]
    return (one.created_at, one.agent_name, parents[0]) == (other.created_at, other.agent_name, parents[1])
