"""The tape: a finished, immutable run. Nothing appends to one; a Session builds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from attrs import evolve, field, frozen

from . import notes
from .digest import digest
from .display import Shown
from .surrogates import NONE, RULES, Surrogates, mask_steps
from .values import UNFINISHED, Branch, Draw, Effect, Escape, Exchange, Outcome, Pending, Step


@frozen
class Tape(Shown):
    """An immutable run: its steps in the order they began, and what a crash left open.

    `len(tape)`, `tape[i]` and iteration speak of exchanges. `created_at` is in
    seconds since the epoch; `boundary` names the seam at which the run was
    recorded; `meta` holds what the recorder was told about the run, as text.
    `surrogates` are what stands in answers for secrets, and where; `rules` are those by which secrets were
    taken out of questions.
    """

    steps: tuple[Step, ...] = field(default=(), repr=lambda s: f"<{len(s)} steps>")
    pending: tuple[Pending, ...] = field(default=(), repr=False)
    run_id: str = ""
    agent_name: str = ""
    boundary: str = "http"
    created_at: float = 0.0
    meta: Mapping[str, str] = field(factory=dict, repr=False)
    parent: Branch | None = None
    outcome: Outcome = UNFINISHED
    surrogates: Surrogates = field(default=NONE, repr=False)
    rules: int = field(default=RULES, eq=False, repr=False)

    @cached_property
    def masked(self) -> Tape:
        """This tape with `[secret:NAME]` where surrogates stand, as it is compared and shown.

        It has the digest of this one.
        """
        if not self.surrogates:
            return self
        return evolve(self, steps=tuple(mask_steps(self)), surrogates=NONE)

    @cached_property
    def exchanges(self) -> tuple[Exchange, ...]:
        return tuple(s for s in self.steps if isinstance(s, Exchange))

    @cached_property
    def by_head(self) -> tuple[Exchange, ...]:
        """The exchanges in the order in which their heads were given, which is the order of cuts."""
        return tuple(sorted(self.exchanges, key=lambda x: x.span.headed))

    @cached_property
    def draws(self) -> tuple[Draw, ...]:
        """What the agent drew; that the ends of executors' jobs keep their order is no draw of its own."""
        return tuple(s for s in self.steps if isinstance(s, Draw) and not s.source.is_job)

    @cached_property
    def effects(self) -> tuple[Effect, ...]:
        return tuple(s for s in self.steps if isinstance(s, Effect))

    @property
    def virtualized(self) -> frozenset[str]:
        """The kinds of chance that were drawn through the run: "random", "secrets", "time", "uuid"."""
        return notes.read_virtualized(self.meta)

    @property
    def command(self) -> tuple[str, ...]:
        """The command that the agent was, behind the gateway; empty if it was none."""
        return notes.read_command(self.meta)

    @property
    def wrapped(self) -> tuple[str, ...]:
        """The functions that were tools without a decorator, as `module:path`."""
        return notes.read_wrapped(self.meta)

    @property
    def escaped(self) -> tuple[Escape, ...]:
        """What left the run unrecorded, as far as the recorder saw it."""
        return notes.read_escapes(self.meta)

    @property
    def cassette(self) -> notes.Cassette | None:
        """Which other recorder's cassette this was read from, and what is not kept there; else None."""
        return notes.read_cassette(self.meta)

    @property
    def redacted(self) -> Mapping[str, int]:
        """How many different secrets of each name were taken out."""
        return notes.read_redacted(self.meta)

    @property
    def asked_in_tools(self) -> Mapping[str, int]:
        """How often each tool asked a model while it ran: none of that is on the tape."""
        return notes.read_asked_in_tools(self.meta)

    def __len__(self) -> int:
        return len(self.exchanges)

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, index: int) -> Exchange:
        return self.exchanges[index]

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.exchanges)

    def __hash__(self) -> int:
        return hash((self.run_id, len(self.steps)))

    def digest(self) -> str:
        """Return the 64 hex characters that name this recording and its faithful replays."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return digest(self)
