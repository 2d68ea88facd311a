"""The blame of the published release, on runs of which it is known how every fork ends.

Run by its interpreter, it needs nothing of ours. It reads JSON: `runs`, each with `odds`, for
every step the probability that a fork there turns out well, and a `seed`; and `k`, forks of each step.
It prints for each run the step that is ranked first, and those that are held responsible.

The ranking is its own, with its defaults; only what a fork comes to is drawn here.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any


def main() -> None:
    from tracefork.blame import BlameEngine, TrialOutcome
    from tracefork.tape import Tape

    asked = json.load(sys.stdin)
    for run in asked["runs"]:
        odds, chance = run["odds"], random.Random(run["seed"])

        def trial(_: Any, step: int, *__: Any, odds: Any = odds, chance: Any = chance) -> Any:
            flipped = chance.random() < odds[step]
            return (TrialOutcome.FLIP if flipped else TrialOutcome.NO_FLIP), False

        BlameEngine._run_trial = staticmethod(trial)  # noqa: SLF001  only what a fork comes to is drawn
        report = BlameEngine.rank(
            Tape(exchanges=[(b"{}", b"{}")] * len(odds)),
            lambda _: None,
            Failed(),
            perturb_factory=lambda _: (b"", None),
            k=asked["k"],
            budget_usd=float("inf"),
        )
        print(json.dumps([report.top().step_index, report.responsible_set]), flush=True)


class Failed:
    """The oracle's word on the recorded run."""

    def grade(self, _: str) -> bool:
        return False


if __name__ == "__main__":
    main()
