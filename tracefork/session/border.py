"""The border of a run: what is none of its business, what leaves it unrecorded, and what it refuses."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from os import getpid

from ..core.values import Escape
from ..errors import EditUnused, Refused
from ..host.callsite import find_callsite
from ..host.tables import list_items
from ..providers.paths import place
from ..redact import Redactor
from ..runtime import lanes
from ..runtime.lanes import Strand
from ..runtime.port import Port
from .escapes import Escapes
from .passthrough import select
from .plan import Environment, Plan

LONGEST = 200
"""Characters of a target or a line that an escape keeps."""

_logger = logging.getLogger("tracefork")
_logger.addHandler(logging.NullHandler())


class Border(ABC):
    """What transports and guards ask a run about a call that would leave it."""

    def __init__(self, plan: Plan, port: Port) -> None:
        self.port = port
        """Where transports and tools put their questions."""
        self.strict = plan.strict
        """Whether what would leave the run unrecorded is refused."""
        self.names: dict[str, str] = {}
        """Host names by the addresses that the agent was given for them."""
        self.remarks: list[str] = []
        """What whoever looks at this run should know, a sentence each."""
        self.allowed = plan.allow
        """Addresses that a replay may connect to."""
        self.run_id = plan.header.run_id
        self._process = getpid()
        self._adopter = plan.adopts_processes
        self._escapes, self._refusals = Escapes(), Escapes()
        self._refused_last: tuple[Refused | None, int] = None, 0  # and how many steps were over then
        self._asked_in_tools: dict[str, list[None]] = {}
        self._passing = plan.passthrough

    @abstractmethod
    def redactor(self) -> Redactor:
        """What knows the secrets of this moment."""

    @property
    def escaped(self) -> tuple[Escape, ...]:
        """What left the run unrecorded so far, as far as was seen."""
        return self._escapes.seen()

    @property
    def refused(self) -> tuple[Escape, ...]:
        """What was kept from leaving a replay so far."""
        return self._refusals.seen()

    @property
    def last_refusal(self) -> Refused | None:
        """What was refused last, if nothing has come to its end since."""
        refused, happened = self._refused_last
        return refused if happened == self.port.happened else None

    @property
    def unused_edit(self) -> EditUnused | None:
        """The error for an edit that was given to this run and met nothing so far, or None."""
        return self.port.editing.find_unused()

    def is_aside(self) -> bool:
        """True inside a live call or a tool of this run: what is asked there is not recorded.

        Nor is what a process asks that was forked from a live run's own.
        """
        strand = lanes.current()
        if strand is not None and strand.aside and strand.run is self:
            return True
        return self._process != getpid() and self.port.live

    def overhear(self, url: str) -> None:
        """Count a request that is made aside, if a tool makes it and asks a model."""
        strand = lanes.current()
        if strand is not None and strand.tool and place(url) is not None:
            self._asked_in_tools.setdefault(strand.tool, []).append(None)  # counted by one call of C

    @property
    def asked_in_tools(self) -> dict[str, int]:
        """How often each tool of this run has asked a model while it ran: none of that is recorded."""
        return {tool: len(times) for tool, times in list_items(self._asked_in_tools)}

    def passes(self, host: str, method: str = "", path: str | None = None) -> bool:
        """True when a call is none of the agent's business; of a connection only the host is known."""
        for one in select(self._passing, host):
            if one.takes_all_of(host) if path is None else one.takes(method, host, path):
                return True
        return False

    def allows(self, address: str) -> bool:
        """True when a replay may connect to `address`, a `host:port` or the path of a unix socket."""
        host, _, port = address.rpartition(":")
        names = {address, host, f"{self.names.get(host, host)}:{port}", self.names.get(host, host)}
        return not names.isdisjoint(self.allowed)

    def adopt(self, strand: Strand, program: str) -> Environment | None:
        """Return what makes the environment of a process that `strand` starts, if it joins; else None."""
        return None if self._adopter is None else self._adopter.adopt(self, strand, program)

    def escape(
        self, kind: str, target: str, *, certain: bool = True, site: str = "", client: str = ""
    ) -> None:
        """Note that something leaves the run unrecorded, by `client` if that is a known one.

        It is `certain` if it is this run's for sure. `site` says who lets it out, by default the agent's line
        on the stack.

        Raises:
            Refused: the run is strict.
        """
        redact = self.redactor().text
        target, site = redact(target)[:LONGEST], redact(site or find_callsite(whole=False))[:LONGEST]
        self._escapes.add(kind, _name(target, client), site)
        if self.strict and certain:
            raise self.port.fail(Refused(target, site, kind, strict=True, client=client))

    def refuse(self, target: str, kind: str = "", *, site: str = "", client: str = "") -> Refused:
        """Note that something was kept from leaving a replay, and return what to raise.

        It is held against the run if that is strict; else only what the agent then does is. `site` and
        `client` are as for `escape`.
        """
        redact = self.redactor().text
        target, short = redact(target)[:LONGEST], redact(site or find_callsite(whole=False))[:LONGEST]
        self._refusals.add(kind or "connection", _name(target, client), short)
        error = Refused(target, site or find_callsite(), kind, strict=self.strict, client=client)
        self._refused_last = error, self.port.happened
        if self.strict:
            self.port.fail(error)
        return error

    def remark(self, text: str) -> None:
        """Note something that whoever looks at the run should know."""
        if text not in self.remarks:
            self.remarks.append(text)
            _logger.warning("run %s: %s", self.run_id, text)


def _name(target: str, client: str) -> str:
    return f"{target} by {client}" if client else target
