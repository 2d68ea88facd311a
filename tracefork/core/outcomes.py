"""What became of a run: how it ended, what left it unrecorded, and which run it branched from."""

from __future__ import annotations

from typing import Final, Literal

from attrs import field, frozen

from .visible import visible

_MOST = 160
"""Characters of a text in a sentence."""


@frozen
class Outcome:
    """How a run ended: `returned`, `raised` (with the exception's class and text) or `unfinished`."""

    kind: Literal["returned", "raised", "unfinished"]
    type: str = ""
    message: str = ""

    @property
    def word(self) -> Literal["finished", "failed", "cut short"]:
        """How the agent ended, as a reader is told it; an oracle may know better."""
        return _WORDS[self.kind]

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


_WORDS: Final[dict[str, Literal["finished", "failed", "cut short"]]] = {
    "returned": "finished",
    "raised": "failed",
    "unfinished": "cut short",
}

RETURNED = Outcome("returned")
UNFINISHED = Outcome("unfinished")


@frozen
class Departure:
    """Where a rerun left its tape, and why: the agent asked something else there, or nothing more.

    `step` is how many exchanges stand before that on the tape, `lane` the strand that asked. Where the
    question is compared to one of the tape, they differ at `path`, a JSON path or a name such as `url`:
    there the tape has the text `recorded`, the agent `asked`. `reason` says what else may be the cause:

    * "differs": nothing on the tape answers the question. The rule unless another one is named.
    * "over": the tape has no more questions here.
    * "stalled": what the tape has next was not asked, and others waited for it.
    * "code": the tool is not the function that was recorded.
    * "fresh": the tool was to run again.
    * "fault": the recorded answer is a failure that was to be asked again.
    * "unfinished": the recording died before the answer.
    * "unanswered": the agent had given the call up when recorded, and now waits for it.
    """

    step: int
    reason: str = "differs"
    path: str = ""
    recorded: str = ""
    asked: str = ""
    lane: str = ""

    def __str__(self) -> str:
        recorded, asked = _quote(self.recorded), _quote(self.asked)
        match self.reason:
            case "over":
                what = f"the tape has no more questions, the agent asks {asked}"
            case "stalled":
                what = f"the agent did not ask {recorded}"
            case "code":
                what = f"{asked} is not the function that was recorded"
            case "fresh":
                what = f"{asked} runs again, as it was to"
            case "fault":
                what = f"{asked} is asked again: the recorded answer is a failure"
            case "unfinished":
                what = f"{asked} had no answer when the recording died"
            case "unanswered":
                what = f"{asked} was given up when recorded, and is waited for now"
            case _:
                where = f"at {self.path} " if self.path else ""
                what = f"{where}the tape has {recorded}, the agent {asked}"
        return visible(f"step {self.step}: {what}", one_line=True)


@frozen
class Branch:
    """The lineage of a run: it followed run `parent` up to its exchange `step`, then went its own way.

    `step` is the index of the exchange that was asked or answered anew; for a
    resumed run, the number of exchanges that it took over. Of a rerun it is known once the agent has
    left the tape, with the `departure`; None before, and of one that never does.
    """

    parent: str
    step: int | None
    name: str = ""
    desc: str = ""
    departure: Departure | None = field(default=None, repr=False)


def _quote(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."
