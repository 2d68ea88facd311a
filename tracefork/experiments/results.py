"""What a comparison found, as a value, and as text and Markdown. Pure."""

from __future__ import annotations

from decimal import Decimal

from attrs import field, frozen

from ..attribution.forks.budget import Spent
from ..attribution.statistics.intervals import Interval
from .blocks import CONTROL, PAIR, Ended, Side
from .evidence import Evidence, Verdict
from .pairs import describe_mean


@frozen
class Usage:
    """What the runs of one arm cost, from where the change begins: their number and the sum."""

    runs: int = 0
    spent: Spent = field(factory=Spent)

    @property
    def tokens(self) -> float:
        """Tokens a run, on average."""
        return self.spent.tokens / self.runs if self.runs else 0.0

    @property
    def usd(self) -> Decimal | None:
        """USD a run, on average; None where a price is not known."""
        if self.spent.usd is None:
            return None
        return self.spent.usd / self.runs if self.runs else Decimal(0)


@frozen
class TapePairs:
    """The pairs of one tape: how many, their mean difference, and the runs of each, before and after."""

    run_id: str
    touched: bool
    pairs: int = 0
    mean: float | None = None
    branches: tuple[tuple[str, str], ...] = ()


@frozen
class Comparison:
    """Whether a change is better: the mean difference of the scores over the tapes, each of equal weight.

    `runs` are all that were made, controls and those in flight at the end among them; `noise` is the mean
    absolute difference of controls, one version from itself, None without one. `change` names the change,
    `selection` how the tapes were chosen. `blocks` are all that came to an end, in order.
    """

    evidence: Evidence
    change: str
    tapes: tuple[TapePairs, ...]
    before: Usage
    after: Usage
    runs: int
    spent: Spent
    noise: float | None = None
    controls: int = 0
    unknown: int = 0
    selection: str = ""
    notes: tuple[tuple[str, int], ...] = ()
    blocks: tuple[Ended, ...] = field(default=(), repr=False)

    @property
    def verdict(self) -> Verdict:
        return self.evidence.verdict

    @property
    def interval(self) -> Interval:
        """The interval of the mean difference; it may be looked at at any time."""
        return self.evidence.interval

    @property
    def difference(self) -> float | None:
        """The mean difference, after less before, from -1 to 1."""
        return self.evidence.mean

    @property
    def touched(self) -> int:
        """How many tapes the change touches."""
        return sum(tape.touched for tape in self.tapes)

    @property
    def curve(self) -> tuple[tuple[int, float, float], ...]:
        """After each pair: how many there were, and the logarithms of the e-values for better and worse."""
        points, seen = (
            list[tuple[int, float, float]](),
            Evidence(self.evidence.alpha, self.evidence.margin, self.evidence.share),
        )
        for one in self.blocks:
            if one.block.kind == PAIR and seen.pairs < self.evidence.pairs:
                seen = seen.add(*one.subtract(1))
                points.append((seen.pairs, *seen.logs))
        return tuple(points)

    def summary(self) -> str:
        """Return the verdict in a few sentences."""
        return " ".join(list_sentences(self))

    def markdown(self) -> str:
        """Return the verdict, the figures and the tapes as Markdown, for a pull request."""
        return write_markdown(self)


def make_comparison(
    evidence: Evidence,
    ended: tuple[Ended, ...],
    tapes: tuple[str, ...],
    touched: tuple[int, ...],
    change: str,
    runs: int,
    spent: Spent,
    selection: str = "",
) -> Comparison:
    """Return the comparison of these blocks; `tapes` are all run_ids, `touched` the numbers of some."""
    pairs = [one for one in ended if one.block.kind == PAIR]
    controls = [one.sides for one in ended if one.block.kind == CONTROL]
    known = [abs(a.low - b.low) for a, b in controls if a.low == a.high and b.low == b.high]
    sides = [side for one in ended for side in one.sides]
    notes = [side.note for side in sides if side.note]
    return Comparison(
        evidence,
        change,
        tuple(_sum_tape(run_id, n, n in touched, pairs) for n, run_id in enumerate(tapes)),
        _sum_usage([side for one in pairs for side in one.sides if side.arm == 0]),
        _sum_usage([side for one in pairs for side in one.sides if side.arm == 1]),
        runs,
        spent,
        sum(known) / len(known) if known else None,
        len(controls),
        sum(side.low != side.high for side in sides),
        selection,
        tuple(sorted(((note, notes.count(note)) for note in set(notes)), key=lambda one: (-one[1], one[0]))),
        ended,
    )


def list_sentences(found: Comparison) -> list[str]:
    """Return the verdict in sentences."""
    evidence, change = found.evidence, found.change
    sure = f"{1 - evidence.alpha:.0%}"
    figures = f"{describe_mean(evidence)}, {sure} at any time"
    match found.verdict:
        case Verdict.BETTER:
            claim = f"BETTER: {change} succeeds more often ({figures})."
        case Verdict.WORSE:
            claim = f"WORSE: {change} succeeds less often ({figures})."
        case Verdict.SAME if not found.touched:
            claim = f"SAME: {change} changes nothing that any of the runs asks."
        case Verdict.SAME:
            claim = f"SAME: {change} makes a difference of less than {evidence.margin:g} ({figures})."
        case _:
            claim = f"NOT DECIDED: {change} ({figures})."
    sentences = [
        claim,
        f"{evidence.pairs} pairs over {found.touched} of {len(found.tapes)} runs that it touches.",
    ]
    if found.selection:
        sentences.append(
            f"This holds for the runs chosen by {found.selection}: what it does to others is not known, "
            f"so try those that passed too."
        )
    if found.noise is not None:
        sentences.append(
            f"Of {found.controls} controls, two runs of one version differ by {found.noise:.2f}."
        )
    if found.unknown:
        sentences.append(f"{found.unknown} runs have no known score and count as the worse either way.")
    return sentences


def write_markdown(found: Comparison) -> str:
    """Return the comparison as Markdown: its verdict, its figures, and the tapes where the sides differ."""
    lines = [f"### tracefork compare: {found.verdict.replace('_', ' ')}", "", found.summary(), ""]
    lines += ["| | runs | tokens a run | USD a run |", "|---|---:|---:|---:|"]
    for name, usage in (("before", found.before), ("after", found.after)):
        usd = "unknown" if usage.usd is None else f"{usage.usd:.4f}"
        lines.append(f"| {name} | {usage.runs} | {usage.tokens:,.0f} | {usd} |")
    differing = [tape for tape in found.tapes if tape.mean]
    if differing:
        lines += ["", "| run | pairs | difference |", "|---|---:|---:|"]
        lines += [f"| `{_plain(tape.run_id)}` | {tape.pairs} | {tape.mean:+.2f} |" for tape in differing]
    return "\n".join(lines) + "\n"


# -- below -----------------------------------------------------------------------------


def _plain(text: str) -> str:
    """`text` as it may stand in a cell of code."""
    return "".join(c if c.isprintable() and c not in "`|" else "?" for c in text)


def _sum_usage(sides: list[Side]) -> Usage:
    return Usage(len(sides), sum((side.spent for side in sides), Spent()))


def _sum_tape(run_id: str, number: int, touched: bool, pairs: list[Ended]) -> TapePairs:  # noqa: FBT001
    own = [one for one in pairs if one.block.tape == number]
    middles = [sum(one.subtract(1)) / 2 for one in own]
    branches = []
    for one in own:
        by_arm = {side.arm: side.run_id for side in one.sides}
        branches.append((by_arm[0], by_arm[1]))
    return TapePairs(run_id, touched, len(own), sum(middles) / len(own) if own else None, tuple(branches))
