"""What stands for `datetime.datetime` and `datetime.date` in the agent's modules: subclasses of the two.

What they make is a plain `datetime` or `date`, or of a class that the agent derives from them, so nothing
of ours is in a value. What is an instance or a subclass of the original is one of theirs; they equal
the original, hash alike, and pickle as it, so that a table by class that is made within a run is one for
good. What they do not draw is the original's, or that of a freezer which has replaced it.
"""

from __future__ import annotations

import copyreg
import datetime as dt
import sys
import time
import typing
import warnings
from collections.abc import Callable
from typing import Any

from .drawing import find_run
from .moments import draw_local, draw_seconds, draw_utc

_DEPRECATED = (
    "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. "
    "Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC)."
)


def _find_genuine(found: Any) -> Any:
    """The class itself, where somebody's subclass stands in its place by now."""
    return next(kind for kind in found.__mro__ if kind.__module__ == "datetime")


class _Genuine:
    """The classes themselves, where no freezer looks for them."""

    date: Any = _find_genuine(dt.date)
    datetime: Any = _find_genuine(dt.datetime)


_OWN = frozenset({"now", "today", "utcnow"})


class _Meta(type):
    """The class of a class that is taken for its base; what is derived from it is as any other class."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _original(cls)) if _stands_in(cls) else type.__instancecheck__(cls, value)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _original(cls)) if _stands_in(cls) else type.__subclasscheck__(cls, kind)

    def __eq__(cls, other: object) -> bool:
        return cls is other or (_stands_in(cls) and other is _original(cls))

    def __hash__(cls) -> int:
        return type.__hash__(_original(cls))

    def __repr__(cls) -> str:
        return type.__repr__(_original(cls))

    def __getattribute__(cls, name: str) -> Any:
        if not name.startswith("__") and name not in _OWN and _stands_in(cls):
            return getattr(_original(cls), name)  # what C makes for a subclass would lose its `fold`
        return type.__getattribute__(cls, name)


class _Date(_Genuine.date, metaclass=_Meta):  # type: ignore[misc]
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _Genuine.date.__new__(_original(cls), *args, **kwargs)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return handler(_original(source))

    @classmethod
    def today(cls) -> Any:
        run = find_run("time", 2)
        if run is None:
            return _find("date").today() if cls is _Date else super().today()
        return cls.fromtimestamp(draw_seconds(run, _tell_day))


class _DateTime(_Genuine.datetime, metaclass=_Meta):  # type: ignore[misc]
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _Genuine.datetime.__new__(_original(cls), *args, **kwargs)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return handler(_original(source))

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        run = find_run("time", 2)
        if run is None or not isinstance(tz, dt.tzinfo | None):
            return _find("datetime").now(tz) if cls is _DateTime else super().now(tz)
        if tz is None:
            return _as(cls, draw_local(run, lambda: _find("datetime").now(), _Genuine.datetime))
        return _as(cls, draw_utc(run, _tell_utc, _Genuine.datetime).astimezone(tz))

    @classmethod
    def utcnow(cls) -> Any:
        if sys.version_info >= (3, 12):
            warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=2)
        run = find_run("time", 2)
        moment = _tell_utc() if run is None else draw_utc(run, _tell_utc, _Genuine.datetime)
        return _as(cls, moment.replace(tzinfo=None))

    @classmethod
    def today(cls) -> Any:
        run = find_run("time", 2)
        if run is None:
            return _find("datetime").today() if cls is _DateTime else super().today()
        return cls.fromtimestamp(draw_seconds(run, lambda: _find("datetime").today().timestamp()))


STAND_INS = {"date": _Date, "datetime": _DateTime}
for _name, _class in STAND_INS.items():
    _class.__name__ = _class.__qualname__ = _name
    _class.__module__ = "datetime"
    _class.__doc__ = _class.__base__.__doc__


def list_swaps() -> list[tuple[Any, Any]]:
    """The classes that agents' modules may have by name, each with what stands for it."""
    swaps = [(vars(_Genuine)[name], stand_in) for name, stand_in in STAND_INS.items()]
    return swaps + [(_find(name), stand_in) for name, stand_in in STAND_INS.items() if is_frozen(name)]


def forget_types() -> None:
    """Have `typing` forget what it made of the stand-ins: `Optional[datetime]` is kept by what equals it."""
    for forget in getattr(typing, "_cleanups", ()):
        forget()


def is_frozen(name: str) -> bool:
    """True if somebody else's class, derived from the original, stands in the module `datetime` by now."""
    found, genuine = getattr(dt, name), vars(_Genuine)[name]
    return found is not genuine and isinstance(found, type) and genuine in found.__mro__


def _find(name: str) -> Any:
    """The class to ask: the original, or what a freezer has put there."""
    return getattr(dt, name) if is_frozen(name) else vars(_Genuine)[name]


def _stands_in(kind: type) -> bool:
    return kind is _Date or kind is _DateTime


def _original(kind: Any) -> Any:
    """The class that `kind` stands for, or itself."""
    if kind is _DateTime:
        return _Genuine.datetime
    return _Genuine.date if kind is _Date else kind


def _as(kind: Any, moment: Any) -> Any:
    """`moment`, as one of `kind` if that is a class of the agent's own."""
    if kind is _DateTime:
        return moment
    made = kind(*moment.timetuple()[:6], moment.microsecond, moment.tzinfo)
    return made.replace(fold=1) if moment.fold else made


def _tell_utc() -> Any:
    return _find("datetime").now(dt.UTC)


def _tell_day() -> float:
    """Seconds since the epoch of some moment of this day."""
    if not is_frozen("date"):
        return time.time()
    noon: float = _Genuine.datetime.combine(_find("date").today(), dt.time(12)).timestamp()
    return noon


def _pickle(kind: Any) -> Any:
    """Pickle a stand-in as a way to its original that needs nothing of ours: the class of what it makes."""
    return (type, (kind.min,)) if _stands_in(kind) else str(kind.__qualname__)


copyreg.pickle(_Meta, _pickle)
