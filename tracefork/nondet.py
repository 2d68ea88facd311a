"""Chance that agents take from the standard library, drawn through their run: `virtualize=`.

What is replaced, from the first run that asks for it until the last one ends:

- `uuid.uuid4` and `uuid.uuid1`, by their code, which reaches every name that is bound to them;
- `time.time` and `time_ns`, and `localtime`, `gmtime`, `ctime`, `asctime` and `strftime` where they mean now;
  by these `date.today()` and `datetime.today()`, which ask `time.time`;
- all functions of `random`, by the class of the one generator that they share.

A replacement draws through the run only within a run that asked for its kind, outside of
live calls and tools, and called from the agent's own modules: what SDKs, asyncio and the
rest of the standard library draw passes through. Names that the agent's modules have
bound to a builtin, as by `from time import time`, are bound to its replacement meanwhile.

Never replaced: the class `datetime.datetime`, of which libraries make schemas when they
are imported; `time.monotonic` and `time.sleep`, by which event loops live; `os.urandom`
and `secrets`, which are for keys. Agents draw what they need of these from the run.
"""

from __future__ import annotations

import random
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import FrameType, FunctionType, ModuleType
from typing import Any

from .callsite import is_library, of_agent
from .core.values import Source
from .patching import Patches, Target
from .session import Session, current

KINDS = frozenset({"random", "time", "uuid"})
"""What can be drawn through a run."""


def is_virtual(source: Source) -> bool:
    """True if `source` was drawn from in the standard library, and not from the run itself."""
    return source.kind in KINDS and bool(source.name)


def kinds(asked: Iterable[str]) -> frozenset[str]:
    """Return what `virtualize=` asks for.

    Raises:
        ValueError: some of it is none of KINDS.
    """
    found = frozenset([asked] if isinstance(asked, str) else asked)
    if unknown := sorted(map(repr, found - KINDS)):
        raise ValueError(f'virtualize= takes "random", "time" and "uuid", not {", ".join(unknown)}')
    return found


def hold() -> None:
    """Start drawing through runs; each call wants one `release`."""
    _patches.hold()


def release() -> None:
    """Stop drawing through runs; the last call leaves no trace."""
    _patches.release()


def _targets() -> Iterator[Target]:
    yield time, "time", _time
    yield time, "time_ns", _time_ns
    for name in ("localtime", "gmtime", "ctime"):
        yield time, name, _at
    yield time, "asctime", _asctime
    yield time, "strftime", _strftime
    yield random, "random", _random
    yield random, "getrandbits", _getrandbits


def _run(kind: str, depth: int = 3) -> Session | None:
    """The run that a draw of `kind` belongs to, asked for so many frames up; None if it passes through.

    What `random` and `uuid` do within themselves is asked for by whoever called them.
    """
    run = current()
    if run is None or kind not in run.virtualize or run.is_aside():
        return None
    frame: FrameType | None = sys._getframe(depth)  # noqa: SLF001  every draw would pay the price of `inspect`
    while frame is not None and (frame.f_globals is _RANDOM or frame.f_globals is _UUID):
        frame = frame.f_back
    return run if frame is not None and of_agent(frame) else None


_RANDOM, _UUID = vars(random), vars(uuid)


# -- time ------------------------------------------------------------------------


def _time(original: Any) -> float:
    run = _run("time")
    return _now(run) if run else original()


def _now(run: Session) -> float:
    return float(run.draw(Source("time", "time"), lambda: repr(time.time())))


def _time_ns(original: Any) -> int:
    run = _run("time")
    return int(run.draw(Source("time", "time_ns"), lambda: str(original()))) if run else original()


def _at(original: Any, seconds: float | None = None, /) -> Any:
    if seconds is None and (run := _run("time")):
        seconds = _now(run)
    return original() if seconds is None else original(seconds)


def _asctime(original: Any, *when: Any) -> Any:
    if not when and (run := _run("time")):
        when = (time.localtime(_now(run)),)
    return original(*when)


def _strftime(original: Any, form: str, *when: Any) -> Any:
    if not when and (run := _run("time")):
        when = (time.localtime(_now(run)),)
    return original(form, *when)


# -- uuid ------------------------------------------------------------------------


def _uuid4(original: Callable[[], uuid.UUID]) -> uuid.UUID:
    run = _run("uuid", 2)
    return uuid.UUID(run.draw(Source("uuid", "uuid4"), lambda: str(original()))) if run else original()


def _uuid1(
    original: Callable[..., uuid.UUID], node: int | None = None, clock_seq: int | None = None
) -> uuid.UUID:
    run = _run("uuid", 2)
    if run is None:
        return original(node, clock_seq)
    return uuid.UUID(run.draw(Source("uuid", "uuid1"), lambda: str(original(node, clock_seq))))


def uuid4() -> Any:
    """What `uuid.uuid4` runs meanwhile, among the names of its own module."""
    return _tracefork_uuid4()  # type: ignore[name-defined]  # noqa: F821  put there by _Code


def uuid1(node: Any = None, clock_seq: Any = None) -> Any:
    """What `uuid.uuid1` runs meanwhile."""
    return _tracefork_uuid1(node, clock_seq)  # type: ignore[name-defined]  # noqa: F821


class _Code:
    """A function of Python that runs another's code for a while: so do all names that are bound to it."""

    def __init__(self, function: Any, ours: Any, replacement: Callable[..., Any]) -> None:
        self._function, self._code, self._ours = function, function.__code__, ours.__code__
        self._name = f"_tracefork_{function.__name__}"
        names, defaults = function.__globals__, function.__defaults__
        original = FunctionType(self._code, names, function.__name__, defaults, function.__closure__)
        names[self._name] = partial(replacement, original)
        function.__code__ = self._ours

    def undo(self) -> None:
        if self._function.__code__ is self._ours:
            self._function.__code__ = self._code
            del self._function.__globals__[self._name]


# -- random ----------------------------------------------------------------------


def _random(original: Any) -> float:
    run = _run("random")
    return _unit(run, original) if run else original()


def _getrandbits(original: Any, k: int, /) -> int:
    run = _run("random")
    return _bits(run, original, k) if run else original(k)


def _unit(run: Session, original: Callable[[], float]) -> float:
    return float(run.draw(Source("random", "random"), lambda: repr(original())))


def _bits(run: Session, original: Callable[[int], int], k: int) -> int:
    return int(run.draw(Source("random", f"{k} bits"), lambda: f"{original(k):x}"), 16)


class _Shared(random.Random):
    """The class of the generator that the functions of `random` share, meanwhile.

    All of them are made of these two methods, whoever has bound them to whatever name.
    """

    def random(self) -> float:
        run = _run("random", 2)
        return _unit(run, super().random) if run else super().random()

    def getrandbits(self, k: int, /) -> int:
        run = _run("random", 2)
        return _bits(run, super().getrandbits, k) if run else super().getrandbits(k)

    @property
    def gauss_next(self) -> float | None:
        """The second of a pair of numbers, which a run does not take from who drew the first before it."""
        return None if _run("random", 2) else vars(self).get("gauss_next")

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        vars(self)["gauss_next"] = None if _run("random", 2) else value


# -- names that are bound already ---------------------------------------------------


def _beside(swaps: list[tuple[Any, Any]]) -> Callable[[], None]:
    """Replace the code of functions, the generator's class and bound names; return what undoes it."""
    functions = [_Code(uuid.uuid4, uuid4, _uuid4), _Code(uuid.uuid1, uuid1, _uuid1)]
    generator: Any = random._inst  # noqa: SLF001  its only name
    kind = type(generator)
    generator.__class__ = _Shared
    before = set(sys.modules)
    agents = [module for name, module in list(sys.modules.items()) if not is_library(name)]
    _rebind(agents, swaps)

    def undo() -> None:
        for function in functions:
            function.undo()
        if generator.__class__ is _Shared:
            generator.__class__ = kind
        new = [module for name, module in list(sys.modules.items()) if name not in before]
        _rebind([*agents, *new], [(ours, original) for original, ours in swaps])

    return undo


def _rebind(modules: Iterable[ModuleType], swaps: list[tuple[Any, Any]]) -> None:
    """Bind the global names of `modules` that are bound to the first of a pair to the second."""
    to = {id(old): new for old, new in swaps}
    for module in modules:
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict) and names is not vars(time) and names is not _RANDOM:
            for name, value in list(names.items()):
                if id(value) in to:
                    names[name] = to[id(value)]


_patches = Patches(_targets, _beside)
