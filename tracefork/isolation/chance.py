"""Makes the agent's calls of `time`, `random` and `uuid` draws of its run: `virtualize=`.

Replaced, from the first run that asks for it until the last one ends:

- `uuid.uuid4` and `uuid.uuid1`, by replacing their `__code__`, which reaches every name bound to them;
- `time.time` and `time_ns`, and `localtime`, `gmtime`, `ctime`, `asctime` and `strftime` where they mean now;
  with them `date.today()` and `datetime.today()`, which call `time.time`;
- all functions of `random`, by replacing the class of the generator that they share.

A replacement draws through the run only within a run that asked for its kind, outside of
live calls and tools, and if called from the agent's own modules: calls by SDKs, asyncio and
the rest of the standard library go to the original. Names in the agent's modules that are
bound to a builtin, as by `from time import time`, are bound to its replacement meanwhile.

Never replaced: the class `datetime.datetime`, from which libraries make schemas when they
are imported; `time.monotonic` and `time.sleep`, on which event loops depend; `os.urandom`
and `secrets`, which are for keys. Agents draw what they need of these from the run.
"""

from __future__ import annotations

import random
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import partial
from types import FrameType, FunctionType, ModuleType
from typing import Any
from weakref import ref

from ..core.values import Source
from ..host.callsite import is_library, is_of_agent
from ..host.patching import Patches, Target
from ..session.current import current
from ..session.session import Session

KINDS = frozenset({"random", "time", "uuid"})
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
        raise ValueError(f'virtualize= takes "random", "time" and "uuid", not {", ".join(unknown)}')
    return found


def hold(run: object) -> None:
    """Put the replacements in place for `run`; a second call does nothing."""
    _patches.hold(run)


def release(run: object) -> None:
    """Note that `run` needs the replacements no more; the last run to do so puts the originals back."""
    _patches.release(run)


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
    """The run that a draw of `kind` belongs to; None if the call is to go to the original function.

    The caller is the frame `depth` levels up. Frames of `random`, `uuid` and pydantic are skipped, so that
    a call within these, as for a model's default, counts as made by whoever called them. Calls made from a
    finalizer or a signal handler while another draw is in progress go to the original.
    """
    run = current()
    if run is None or kind not in run.virtualize or run.is_aside() or run.is_elsewhere:
        return None
    if _here.draws or run.port.is_busy_here:
        return None
    frame: FrameType | None = sys._getframe(depth)  # noqa: SLF001  `inspect` would slow down every draw
    while frame is not None and _is_between(frame.f_globals):
        frame = frame.f_back
    return run if frame is not None and is_of_agent(frame) else None


_RANDOM, _UUID = vars(random), vars(uuid)


def _is_between(names: dict[str, Any]) -> bool:
    return names is _RANDOM or names is _UUID or str(names.get("__name__")).startswith("pydantic.")


class _Here(threading.local):
    draws = False


_here = _Here()


def _draw(run: Session, source: Source, sample: Callable[[], str]) -> str:
    """The value that `run` draws; if the run ends meanwhile, a fresh `sample()`."""
    _here.draws = True
    try:
        return run.draw(source, sample)
    except RuntimeError:
        if not run.over:
            raise
        return sample()
    finally:
        _here.draws = False


# -- time ------------------------------------------------------------------------


def _time(original: Any) -> float:
    run = _run("time")
    return _now(run) if run else original()


def _now(run: Session) -> float:
    return float(_draw(run, Source("time", "time"), lambda: repr(time.time())))


def _time_ns(original: Any) -> int:
    run = _run("time")
    return int(_draw(run, Source("time", "time_ns"), lambda: str(original()))) if run else original()


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
    return uuid.UUID(_draw(run, Source("uuid", "uuid4"), lambda: str(original()))) if run else original()


def _uuid1(
    original: Callable[..., uuid.UUID], node: int | None = None, clock_seq: int | None = None
) -> uuid.UUID:
    run = _run("uuid", 2)
    if run is None:
        return original(node, clock_seq)
    return uuid.UUID(_draw(run, Source("uuid", "uuid1"), lambda: str(original(node, clock_seq))))


def uuid4(*, _tracefork: Any = None) -> Any:
    """The code that `uuid.uuid4` has while it is replaced."""
    return _tracefork()


def uuid1(node: Any = None, clock_seq: Any = None, *, _tracefork: Any = None) -> Any:
    """The code that `uuid.uuid1` has while it is replaced."""
    return _tracefork(node, clock_seq)


class _Code:
    """Replaces the `__code__` of a Python function until `undo`, and so for all names bound to it."""

    def __init__(self, function: Any, ours: Any, replacement: Callable[..., Any]) -> None:
        self._function, self._code, self._ours = function, function.__code__, ours.__code__
        names, defaults = function.__globals__, function.__defaults__
        original = FunctionType(self._code, names, function.__name__, defaults, function.__closure__)
        function.__kwdefaults__ = {"_tracefork": partial(replacement, original)}
        function.__code__ = self._ours

    def undo(self) -> None:
        if self._function.__code__ is self._ours:
            self._function.__code__ = self._code  # calls in progress keep the code and arguments they have
            self._function.__kwdefaults__ = None


# -- random ----------------------------------------------------------------------


def _random(original: Any) -> float:
    run = _run("random")
    return _unit(run, original) if run else original()


def _getrandbits(original: Any, k: int, /) -> int:
    run = _run("random")
    return _bits(run, original, k) if run else original(k)


def _unit(run: Session, original: Callable[[], float]) -> float:
    value = original()  # called in replay too, so that a seeded generator advances as when recorded
    return float(_draw(run, Source("random", "random"), lambda: repr(value)))


def _bits(run: Session, original: Callable[[int], int], k: int) -> int:
    value = original(k)
    return int(_draw(run, Source("random", f"{k} bits"), lambda: f"{value:x}"), 16)


_GAUSS: ContextVar[tuple[Callable[[], object], float | None]] = ContextVar(
    "tracefork.gauss", default=(object, None)
)
_OWN_RANDOM, _OWN_BITS = random.Random.random, random.Random.getrandbits


class _Shared(random.Random):
    """The class, while replaced, of the generator that the functions of `random` share.

    All of these functions call `random` or `getrandbits`, under whatever names they are bound. The class
    may be put back while a thread is in one of the two, so neither uses `super()`.
    """

    def random(self) -> float:
        run = _run("random", 2)
        return _unit(run, partial(_OWN_RANDOM, self)) if run else _OWN_RANDOM(self)

    def getrandbits(self, k: int, /) -> int:
        run = _run("random", 2)
        return _bits(run, partial(_OWN_BITS, self), k) if run else _OWN_BITS(self, k)

    def __reduce__(self) -> tuple[Any, ...]:
        return random.Random, (), self.getstate()

    @property
    def gauss_next(self) -> float | None:
        """The second number of the last pair that `gauss` made, kept for each run and context apart."""
        run = _run("random", 2)
        if run is None:
            return vars(self).get("gauss_next")
        whose, value = _GAUSS.get()
        return value if whose() is run else None

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        run = _run("random", 2)
        if run is None:
            vars(self)["gauss_next"] = value
        else:
            _GAUSS.set((ref(run), value))


# -- names that are bound already ---------------------------------------------------


def _beside(swaps: list[tuple[Any, Any]]) -> Callable[[], None]:
    """Replace the code of `uuid`'s functions, the generator's class and bound names; return what undoes it.

    `swaps` are pairs of an original and its replacement.
    """
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
    """In `modules`, bind each global name that is bound to the first of a pair of `swaps` to the second."""
    to = {id(old): new for old, new in swaps}
    for module in modules:
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict) and names is not vars(time) and names is not _RANDOM:
            for name, value in list(names.items()):
                if id(value) in to:
                    names[name] = to[id(value)]


_patches = Patches(_targets, _beside)
