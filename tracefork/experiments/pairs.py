"""The design of a comparison: pairs of before and after, a few of before and before. Pure."""

from __future__ import annotations

from attrs import frozen

from .blocks import CONTROL, PAIR, Block, Ended, draw_block
from .evidence import Evidence, Verdict

CONTROL_EVERY = 10
"""Of so many blocks the last is a control: before against before."""
HOPELESS = 10
"""Pairs without a known difference, after which no more are made if there was no other."""


@frozen
class Pairs:
    """The pairs of `touched` tapes, until `start`, the evidence of none, has become a verdict."""

    seed: int
    touched: tuple[int, ...]
    start: Evidence

    def draw(self, number: int, ended: tuple[Ended, ...]) -> Block | None:
        """Return the block of this number; None if all is over."""
        if not self.touched or self.weigh(ended).verdict is not Verdict.NOT_DECIDED or _is_hopeless(ended):
            return None
        is_control = number % CONTROL_EVERY == CONTROL_EVERY - 1
        arms, kind = ((0, 0), CONTROL) if is_control else ((0, 1), PAIR)
        return draw_block(number, self.seed, self.touched, arms, kind)

    def weigh(self, ended: tuple[Ended, ...]) -> Evidence:
        """Return what the pairs show, up to the first that decides: later ones were in flight by then."""
        evidence = self.start
        for one in ended:
            if evidence.verdict is not Verdict.NOT_DECIDED:
                break
            if one.block.kind == PAIR:
                evidence = evidence.add(*one.subtract(1))
        return evidence

    def describe(self, ended: tuple[Ended, ...]) -> str:
        """Return the mean difference and its interval."""
        evidence = self.weigh(ended)
        return describe_mean(evidence)


def describe_mean(evidence: Evidence) -> str:
    """Return `+.25 [-.10, +.55]`, the mean difference and its interval."""
    if evidence.mean is None:
        return "no pair yet"
    interval = evidence.interval
    return f"{evidence.mean:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def _is_hopeless(ended: tuple[Ended, ...]) -> bool:
    pairs = [one for one in ended if one.block.kind == PAIR]
    return len(pairs) >= HOPELESS and all(one.subtract(1) == (-1.0, 1.0) for one in pairs)
