"""`use_cassette`: a block or a function on a tape, for tests of any framework, and of none."""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from ..runs.options import RecordOptions, TailOptions
from ..session.session import Session
from .cassettes.habits import Habits
from .on_tape.mode import ALIASES, MODES
from .on_tape.run import TestRun
from .on_tape.settings import Cassette, Settings, list_names
from .on_tape.warned import StaleCassette

P = ParamSpec("P")
R = TypeVar("R")

_TAPE = ".tape"


class use_cassette:  # noqa: N801  it is used like a function
    """Answer what is asked in a block, or in a function, from a file; record it where there is none.

        with use_cassette("tapes/booking.tape"):
            book("Rome")

        @use_cassette("cassettes/booking.yaml", match_on=["method", "uri", "body"])
        async def test_booking(): ...

    A block gives the run, a Session. A file of another recorder (.yaml, .json, .har) answers as that would,
    and is never written: what is recorded becomes a tape beside it, which answers from then on.

    Args:
        path: the file.
        record_mode: "once" records where there is no file; "none" never does, and nothing connects; "new" (or
            "new_episodes") answers what is asked as before, and records what is new; "all" records again;
            "rewrite" too, but replaces the tape only if the block raises nothing.
        policy: what the run has to hold to, such as `tracefork.testing.policy(...)`.
        options: options of runs, such as `ignore=`; for another recorder's file those of vcrpy that are data.

    Raises:
        MissingTape: something is asked, there is no file, and the mode records nothing.
        Divergence: something else is asked than the tape has.
        Unfinished: less was asked; a cassette of another recorder need not be used up.
        ValueError: there is no such mode, or an option is code.
        TypeError: there is no such option.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, record_mode: str = "once", policy: Any = None, **options: Any
    ) -> None:
        mode = ALIASES.get(record_mode)
        if mode is None:
            raise ValueError(f"record_mode is one of {', '.join(MODES)}, not {record_mode!r}")
        place, cassette = Path(path), None
        known = list_names(TailOptions) | list_names(RecordOptions)
        if place.suffix != _TAPE:
            habits = Habits.of({name: value for name, value in options.items() if name not in known})
            cassette, place = Cassette((place,), habits), place.with_suffix(_TAPE)
        elif unknown := sorted(options.keys() - known):
            raise TypeError(f"there is no option {unknown[0]}=; they are {', '.join(sorted(known))}")
        given = {name: value for name, value in options.items() if name in known}
        command = 'use_cassette(..., record_mode="once")'
        self._settings = Settings(
            mode, place, Path(path).stem, command, policy=policy, cassette=cassette, given=given
        )
        self._runs = ContextVar[tuple[TestRun, ...]]("tracefork.use_cassette", default=())
        """The blocks that are entered, the innermost last; tasks and threads have their own."""

    def __enter__(self) -> Session:
        run = TestRun(self._settings)
        run.begin()
        self._runs.set((*self._runs.get(), run))
        return run.session

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        *outer, run = self._runs.get()
        self._runs.set(tuple(outer))
        run.interrupted = exc is not None and not isinstance(exc, Exception)
        try:
            failure = None if run.interrupted else run.judge_call(exc)
        finally:
            run.end()
        for stale in run.stale:
            warnings.warn(StaleCassette(f"{self._settings.title}, {stale}"), stacklevel=2)
        if failure is not None and failure is not exc:
            raise failure from exc

    async def __aenter__(self) -> Session:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, exc, tb)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """`function`, each of whose calls is such a block.

        Raises:
            TypeError: it is a class or a generator, which does nothing yet when it is called.
        """
        kinds = inspect.isclass, inspect.isgeneratorfunction, inspect.isasyncgenfunction
        if any(is_one(function) for is_one in kinds):
            raise TypeError(
                f"use_cassette takes functions and coroutines, not {function!r}: use a with block"
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with self:
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", awaited)

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return called
