"""Where a tool runs: aside, so that nothing it asks is recorded; or, a sub-agent, in a strand of its own."""

from __future__ import annotations

from attrs import evolve

from ...core.values import Call
from ...runtime import lanes
from ...runtime.flight import Flight
from ...runtime.port import Port
from .policy import Use


class Place:
    """Where the call `use` runs. Leave it once, when the call is over.

    A sub-agent's strand is a child of the one that calls, named by the tool and how many of that name came
    before: the same in each run, whatever else runs beside it.
    """

    def __init__(self, use: Use) -> None:
        self._tool, self._strand = use.name, None
        self.question: Call = use.question
        """The question as it is put: of a sub-agent, with the name of its strand."""
        self.agent = use.agent
        if use.agent:
            here = lanes.current()
            self._strand = here.child(use.name, works=False) if here is not None else None
            path = f"{use.name}.0" if self._strand is None else self._strand.path
            self.question = evolve(self.question, inside=path.rpartition("/")[2])

    def enter(self) -> lanes.aside:
        """A block in which the tool runs; of a generator, one for each of its steps."""
        return lanes.within(self._strand) if self.agent else lanes.aside(self._tool)

    def leave(self) -> None:
        """Note that the call is over."""
        if self._strand is not None:
            self._strand.finish()
            self._strand = None


def ask(port: Port, use: Use) -> tuple[Flight, Place]:
    """Ask the question of `use`; return its flight, and the place where it may run."""
    place = Place(use)
    try:
        return port.ask(place.question), place
    except BaseException:
        place.leave()
        raise


async def aask(port: Port, use: Use) -> tuple[Flight, Place]:
    """`ask`, suspending the task."""
    place = Place(use)
    try:
        return await port.aask(place.question), place
    except BaseException:
        place.leave()
        raise
