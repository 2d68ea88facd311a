"""Where a call of a library's client goes, and who tells the run of it: for adapters of every library.

Clients stand on each other: requests on urllib3, that on http.client. A call is met by the outermost of them;
what those below do for it is no call of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from urllib.parse import urlsplit

from ..runtime import lanes
from ..session import strangers
from ..session.current import current
from ..session.session import Session
from ..session.strangers import ASIDE, NOWHERE, PAST, Way


def find_way(method: str, url: str, own: Session | None = None) -> Way:
    """Return where a call goes: to the run of whoever asks, to `own`, past all, or nowhere.

    Raises:
        Refused: it would leave a replay, and nobody can say whose it is.
    """
    if _CUT_OFF.get():
        return NOWHERE
    run, parts = own or current(), urlsplit(url)
    host, path = parts.hostname or "", parts.path
    if run is None:
        if lanes.current() is not None:
            return PAST
        return strangers.find_way(method, host, parts.port or parts.scheme, path)
    if run.is_aside() or (run.over and run.live):
        return PAST
    if own is None and run.passes(host, method, path):
        may_leave = run.live or run.allows(f"{host}:{parts.port or parts.scheme}")
        return ASIDE if may_leave else NOWHERE
    return Way(run)


def tell_tool(url: str) -> None:
    """Tell the run whose tool asks for `url`, if one does: it may ask a model."""
    strand = lanes.current()
    if strand is not None and strand.tool and isinstance(strand.run, Session) and not is_inside():
        strand.run.overhear(url)


_INSIDE: ContextVar[bool] = ContextVar("tracefork.transports.inside", default=False)


def is_inside() -> bool:
    """True while an adapter further out has met this call, and lets it pass."""
    return _INSIDE.get()


class inside:  # noqa: N801  it is used like a function
    """A block in which a call that was met is carried out: adapters of the clients below let it be."""

    def __init__(self) -> None:
        self._before = _INSIDE.get()

    def __enter__(self) -> None:
        _INSIDE.set(True)

    def __exit__(self, *_: object) -> None:
        _INSIDE.set(self._before)


@contextmanager
def past(way: Way, url: str) -> Iterator[None]:
    """A block in which a call that was met goes past all runs, by `way`: aside if it has been counted.

    The run whose tool makes it is told, once: adapters of the clients below let it be.
    """
    tell_tool(url)
    with lanes.aside() if way.aside else nullcontext(), inside():
        yield


_CUT_OFF: ContextVar[bool] = ContextVar("tracefork.transports.unreachable", default=False)


class unreachable:  # noqa: N801  it is used like a function
    """A block in which no server can be reached, and nothing is asked of a run."""

    def __enter__(self) -> None:
        self._before = _CUT_OFF.get()
        _CUT_OFF.set(True)

    def __exit__(self, *_: object) -> None:
        _CUT_OFF.set(self._before)
