"""Makes the agent's calls of `time`, `datetime`, `random`, `uuid` and `secrets` draws of its run.

`virtualize=` names kinds. What is replaced, from the first run that asks for one until the last ends:

- "time" (`clock.py`): `time.time` and `time_ns`, and `localtime`, `gmtime`, `ctime`, `asctime` and
  `strftime` where they mean now. In the agent's own modules `datetime.datetime` and `datetime.date`
  are classes of ours (`calendar.py`), from which come the same plain values;
- "uuid" (`ids.py`): `uuid.uuid4` and `uuid.uuid1`, by their code, which reaches every name bound to them;
- "random" (`numbers.py`): all functions of `random`, by the class of the generator that they share,
  and what numpy's generators begin with when nobody seeds them;
- "secrets" (`keys.py`): `os.urandom`, all of `secrets`, and `random.SystemRandom`. What they draw
  stands on the tape.

A replacement draws through the run only within a run that asked for its kind, outside of
live calls and tools, and if called from the agent's own modules: calls by SDKs, asyncio and
the rest of the standard library go to the original. Names in the agent's modules that are
bound to a builtin, as by `from time import time`, are bound to its replacement meanwhile (`binding.py`).

Never replaced: the class `datetime.datetime` itself, from which libraries make schemas when they
are imported; `time.monotonic` and `time.sleep`, on which event loops depend; generators of
the agent's own that it seeds.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core.values import Source
from ...host import zones
from ...session.session import Session
from . import clock, ids, keys, numbers

_PATCHES = {
    "random": numbers.patches,
    "secrets": keys.patches,
    "time": clock.patches,
    "uuid": ids.patches,
}

KINDS = frozenset(_PATCHES)
"""The values that `virtualize=` takes."""


def is_virtual(source: Source) -> bool:
    """True if `source` is a function of the standard library, rather than a method of the run."""
    return source.kind in KINDS and bool(source.name)


def kinds(asked: Iterable[str]) -> frozenset[str]:
    """Return the argument `virtualize=`, one kind or several, as a set.

    Raises:
        ValueError: one of them is not among KINDS.
    """
    found = frozenset([asked] if isinstance(asked, str) else asked)
    if unknown := sorted(map(repr, found - KINDS)):
        raise ValueError(
            f'virtualize= takes "random", "secrets", "time" and "uuid", not {", ".join(unknown)}'
        )
    return found


def hold(run: Session) -> None:
    """Put the replacements in place that `run` asks for; a second call does nothing."""
    for kind in sorted(run.virtualize):
        _PATCHES[kind].hold(run)


def release(run: Session) -> None:
    """Note that `run` needs the replacements no more; the last run to do so puts the originals back."""
    for kind in sorted(run.virtualize, reverse=True):
        _PATCHES[kind].release(run)
    zones.release(run)
