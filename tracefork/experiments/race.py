"""The design of a tournament: fixes race for the nomination, then fresh runs certify the winner. Pure.

First all fixes run side by side, and the better half goes on, until two are left: that chooses, and certifies
nothing. Then the first of them runs in blocks with the agent as it is and with the second. Only these fresh
blocks count. That it is better than no change is tested first, and that it is better than the second only if
that is shown: so any of the two claims is false with a chance of at most alpha, with no share for each fix.
"""

from __future__ import annotations

from attrs import evolve, frozen

from .blocks import Block, Ended, draw_block
from .evidence import Evidence, Verdict

RACE = "race"
CONFIRM = "confirm"
HEAT = 4
"""Blocks of each heat."""
FINALISTS = 2


@frozen
class Final:
    """The fixes that reached the final, best first, and what its blocks show so far.

    `gain` is of the first against no change, `lead` of the first against the second, None if there is no
    second.
    """

    ranked: tuple[int, ...]
    gain: Evidence
    lead: Evidence | None

    @property
    def is_cure(self) -> bool:
        """True if the first is certified to be better than no change."""
        return self.gain.verdict is Verdict.BETTER

    @property
    def is_best(self) -> bool:
        """True if it is a cure, and certified to be better than the second."""
        return self.is_cure and (self.lead is None or self.lead.verdict is Verdict.BETTER)

    @property
    def is_over(self) -> bool:
        """True if more blocks would tell nothing that is asked for."""
        if self.gain.verdict is Verdict.NOT_DECIDED:
            return False
        return not self.is_cure or self.lead is None or self.lead.verdict is not Verdict.NOT_DECIDED


@frozen
class Race:
    """A tournament of fixes 1 to `fixes` on `touched` tapes; `start` is the evidence of none."""

    seed: int
    touched: tuple[int, ...]
    fixes: int
    start: Evidence

    def draw(self, number: int, ended: tuple[Ended, ...]) -> Block | None:
        """Return the block of this number; None if a heat must end first, or all is over."""
        if not self.touched:
            return None
        alive, first = self._run_heats(ended)
        if len(alive) > 1 and number < first + HEAT and len(ended) < first + HEAT:
            return draw_block(number, self.seed, self.touched, alive, RACE)
        final = self.weigh(ended)
        if final is None or final.is_over:
            return None
        return draw_block(number, self.seed, self.touched, (0, *final.ranked), CONFIRM)

    def weigh(self, ended: tuple[Ended, ...]) -> Final | None:
        """Return the final so far; None while heats go on."""
        alive, first = self._run_heats(ended)
        begins = first + HEAT if len(alive) > 1 else first
        if len(ended) < begins:
            return None
        ranked = self._rank(alive, ended[:begins])
        final = Final(ranked, self.start, self.start if len(ranked) > 1 else None)
        for one in ended[begins:]:
            if final.is_over:
                break
            final = _add(final, one)
        return final

    def describe(self, ended: tuple[Ended, ...]) -> str:
        """Return who is ahead."""
        final = self.weigh(ended)
        return (
            f"fix {final.ranked[0]} is nominated" if final else f"{len(self._run_heats(ended)[0])} fixes race"
        )

    def _run_heats(self, ended: tuple[Ended, ...]) -> tuple[tuple[int, ...], int]:
        """The fixes that still race, and the block at which their heat begins."""
        alive, first = tuple(range(1, self.fixes + 1)), 0
        while len(alive) > FINALISTS and len(ended) >= first + HEAT:
            first += HEAT
            alive = self._rank(alive, ended[:first])[: max(FINALISTS, len(alive) // 2)]
        return alive, first

    def _rank(self, alive: tuple[int, ...], ended: tuple[Ended, ...]) -> tuple[int, ...]:
        """The fixes, best mean first; of equal ones that of the lower number."""
        means = dict[int, float]()
        for arm in alive:
            own = [s for one in ended for s in one.sides if s.arm == arm]
            means[arm] = sum(s.low + s.high for s in own) / max(1, len(own))
        return tuple(sorted(alive, key=lambda arm: (-means[arm], arm)))


def _add(final: Final, block: Ended) -> Final:
    first, *others = final.ranked
    gain = final.gain
    if gain.verdict is Verdict.NOT_DECIDED:
        gain = gain.add(*block.subtract(first))
    lead = final.lead
    if lead is not None and lead.verdict is Verdict.NOT_DECIDED:
        lead = lead.add(*block.subtract(first, others[0]))
    return evolve(final, gain=gain, lead=lead)
