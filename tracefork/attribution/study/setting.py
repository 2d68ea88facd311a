"""The setting of a study's forks, as a value that can be sent to another process.

The agent, the oracle and the tape may be named instead of carried: as `"package.module:function"`,
and as a store's path and a run_id.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

from attrs import field, frozen

from ...core.matching import Matcher, exact
from ...core.tape import Tape
from ...providers.prices import Prices
from ...runs.agents import Agent
from ...session.tools.policy import Tools
from ...storage.store import TapeStore
from ...storage.tape_file import loads
from ..forks.grading import OnRaise
from ..oracles import Oracle


@frozen
class StoredTape:
    """A tape by its run_id in the store at `path`."""

    path: str
    run_id: str


@frozen
class PackedTape:
    """A tape as the bytes that `dumps` makes of it."""

    data: bytes = field(repr=lambda data: f"<{len(data)} bytes>")


Source: TypeAlias = Tape | StoredTape | PackedTape


@frozen
class Setting:
    """What all forks of a study have in common.

    `recorded` is the oracle's verdict on the recorded run, `raised` whether it ended by
    raising. Forks are kept as branches of run `parent` in `store`, a path or a store, if there is one.
    `backoff` are the seconds before a fork that a vendor failed is gone on with;
    with `audits` a study stops where forks are copies of each other.
    `options` go to `tracefork.runs.api.cut`. `until` is in seconds of `time.time`.
    """

    source: Source
    agent: Agent | str
    oracle: Oracle | str
    store: TapeStore | str | None = None
    parent: str | None = None
    recorded: bool = False
    raised: bool = False
    on_raise: OnRaise = "as_recorded"
    tools: Tools = "recorded"
    matcher: Matcher = exact
    prices: Prices | None = None
    until: float | None = None
    backoff: float = 0.5
    audits: bool = True
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def raising(self) -> bool:
        """True if an exception of the agent's own is a failure like another."""
        return self.on_raise == "failure" or (self.on_raise == "as_recorded" and self.raised)


def read_tape(source: Source) -> Tape:
    """Return the tape, loaded once in a process.

    Raises:
        NotFound: the store does not have it.
        CorruptTape: it is damaged.
    """
    return source if isinstance(source, Tape) else _load(source)


@lru_cache(maxsize=4)
def _load(source: StoredTape | PackedTape) -> Tape:
    if isinstance(source, PackedTape):
        return loads(source.data)
    with TapeStore.open(source.path) as store:
        return store.load(source.run_id)
