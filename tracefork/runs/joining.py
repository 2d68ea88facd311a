"""Makes a `record()` within a run that is replayed, forked, rerun or resumed a view of that run.

A script that records itself is verified, forked and resumed as it is. Were its own run another
one, it would be live in the middle of a replay.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from ..session.current import current
from ..session.session import Session
from ..session.strangers import find_replay


def find_outer() -> Session | None:
    """Return the run that a `record()` joins here, or None where it is a run of its own."""
    run = current() or find_replay()
    return run if run is not None and run.joins and not run.over else None


class JoinedRun:
    """What `record` returns within a run that it joins: that run, which this block neither begins nor ends.

    A store, a run_id and options of its own are passed over, which the run remarks. `tape` is that of
    the outer run, as far as it has come.
    """

    def __init__(self, run: Session, store: object, run_id: str | None, options: Iterable[str] = ()) -> None:
        self._run = run
        own = [f"store {store!r}"] * (store is not None) + [f"run_id {run_id!r}"] * (run_id is not None)
        own += [f"{name}=" for name in options if name != "nested"]
        passed = f"; its own {', '.join(own)} passed over" if own else ""
        run.remark(
            f'a record() within this run joined it{passed} (nested="separate" makes it a run of its own)'
        )

    @property  # type: ignore[misc]
    def __class__(self) -> type[Session]:  # type: ignore[override]
        """A Session, to whoever asks what it is."""
        return Session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)
