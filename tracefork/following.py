"""A run that is still being recorded, read as it grows: each step once, when it is over."""

from __future__ import annotations

from .backends.base import Backend
from .codec import journal, pack
from .codec.limits import Limits
from .codec.records import Asked, Ended, Header, Parent, step
from .core.values import Step
from .errors import CorruptTape, NotFound, Truncated


class Following:
    """The steps of the run `head.run_id`, in the order in which they ended. One thread may use it.

    `over` becomes True once the run is sealed or gone; load it then, for its
    outcome and for its steps in the order in which they began.
    """

    def __init__(self, backend: Backend, head: Header, parent: Parent, limits: Limits) -> None:
        self.head = head
        self.over = False
        self._backend = backend
        self._decoder = journal.Decoder(head.run_id, parent, limits)
        self._asked: dict[int, Asked] = {}
        self._next = 1

    def steps(self) -> list[Step]:
        """What has ended since the last call.

        Raises:
            CorruptTape: the log is damaged, or more than the limits allow.
            StoreError: the backend refused.
        """
        ended = list[Step]()
        try:
            if pack.is_packed(next(iter(self._backend.chunks(self.head.run_id)), b"")):
                self.over = True
                return []
            for chunk in self._backend.chunks(self.head.run_id, self._next):
                for record in self._decoder.records(chunk):
                    match record:
                        case Asked(call):
                            self._asked[call] = record
                        case Ended(call):
                            ended.append(self._ended(record, self._asked.pop(call, None)))
                        case _:
                            pass
                self._next += 1
        except NotFound:
            self.over = True
        except Truncated:
            pass  # the end is still being written
        return ended

    @staticmethod
    def _ended(record: Ended, asked: Asked | None) -> Step:
        if asked is None:
            raise CorruptTape(f"call {record.call} ends and was not open")
        made = step(asked.question, record.answer, asked.lane, record.span, record.timing)
        if made is None:
            raise CorruptTape(f"call {record.call} got an answer of another kind")
        return made
