"""The verdict of a replay as a page shows it."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from ..figures import plural


class VerdictLike(Protocol):
    """What a verdict has: whether all was `ok`, and how many of `total` exchanges `matched`."""

    @property
    def ok(self) -> bool: ...
    @property
    def matched(self) -> int: ...
    @property
    def total(self) -> int: ...


@frozen
class Replayed:
    """The result of replaying a run: whether all was `ok`, and how many of `total` exchanges `matched`.

    `parted` says where the agent left it, in a sentence, `run_id` which run that was, and `step` at which
    exchange; they may be "" and None.
    """

    ok: bool
    matched: int
    total: int
    parted: str = ""
    run_id: str = ""
    step: int | None = None

    @classmethod
    def of(cls, verdict: VerdictLike, exchanges: int) -> Replayed:
        """Return what `verdict` says of a run of so many `exchanges`.

        Raises:
            TypeError: it is no verdict.
            ValueError: it is the verdict on another run.
        """
        try:
            left = getattr(verdict, "divergence", None)
            parted = "" if left is None else str(left).partition("\n")[0]
            step = getattr(left, "step", None)
            run_id = getattr(left, "run_id", "")
            made = cls(bool(verdict.ok), verdict.matched, verdict.total, parted, run_id, step)
        except AttributeError as error:
            raise TypeError(f"a verdict has ok, matched and total: {verdict!r:.100}") from error
        if made.total != exchanges:
            raise ValueError(f"the verdict is on {made.total} exchanges, and the run has {exchanges}")
        return made

    @property
    def short(self) -> str:
        """The verdict in a few words."""
        if not self.ok:
            every = self.matched == self.total
            return "a replay differed" if every else f"a replay matched {self.matched} of {self.total}"
        return "replays bit-exact" if self.total else "replays, without an exchange"

    @property
    def long(self) -> str:
        """The verdict in a sentence."""
        counted = f"{self.matched:,} of {plural(self.total, 'exchange')} happened again in a replay"
        if self.ok:
            return f"{counted}, and all else with them"
        if not self.parted:
            return f"{counted}; the questions, what lay between them, or the end differed"
        goes_on = f"; tracefork rerun {self.run_id} goes on from there" if self.run_id else ""
        return f"{counted}; {self.parted}{goes_on}"
