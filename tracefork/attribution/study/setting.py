"""The setting of a study's forks, as a value that can be sent to another process.

The agent, the oracle and the tape may be named instead of carried: as `"package.module:function"`,
and as a store's path and a run_id.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
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


def resolve(what: Any) -> Any:
    """Return what `"package.module:function"` names; anything but a string is itself.

    Raises:
        ValueError: the name is no such path, or leads to nothing that can be called.
    """
    if not isinstance(what, str):
        return what
    module, _, path = what.partition(":")
    if not module or not path:
        raise ValueError(f"{what!r} is no import path such as package.module:function")
    try:
        found: Any = import_module(module)
    except ImportError as exc:
        raise ValueError(f"{what!r} cannot be imported: {exc}") from exc
    for name in path.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise ValueError(  # noqa: TRY004  a name, not an argument, is at fault
            f"{what!r} names nothing that can be called"
        )
    return found
