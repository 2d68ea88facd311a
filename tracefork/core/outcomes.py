"""What became of a run: how it ended, what left it unrecorded, and which run it branched from."""

from __future__ import annotations

from typing import Literal

from attrs import frozen


@frozen
class Outcome:
    """How a run ended: `returned`, `raised` (with the exception's class and text) or `unfinished`."""

    kind: Literal["returned", "raised", "unfinished"]
    type: str = ""
    message: str = ""

    def __str__(self) -> str:
        return f"raised {self.type}: {self.message}" if self.kind == "raised" else self.kind


@frozen
class Escape:
    """Something that left a run unrecorded, and how often.

    `kind` is "connection" (an uninstrumented client), "thread" (a call from a thread
    without the run's context), "process", or "run" (a live recording of its own within a replay);
    `target` is where it went or what was started, `site` the agent's line that led there.
    """

    kind: str
    target: str
    site: str
    count: int = 1

    def __str__(self) -> str:
        times = f", {self.count} times" if self.count > 1 else ""
        return f"{self.kind} {self.target}, from {self.site}{times}"


RETURNED = Outcome("returned")
UNFINISHED = Outcome("unfinished")


@frozen
class Branch:
    """The lineage of a run: it followed run `parent` up to its exchange `step`, then went its own way.

    `step` is the index of the exchange that was asked or answered anew; for a
    resumed run, the number of exchanges that it took over.
    """

    parent: str
    step: int
    name: str = ""
    desc: str = ""
