"""A report of blame in words and tables: for a terminal, for a page's heading, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from ...core.advice import advise
from ..forks.parts import ANSWER
from ..search.conclusion import Conclusion
from .findings import BlameReport, Ranked, RankedDrop, RankedEffect, RankedFlips

WIDTH = 41  # characters of a line from -1 to 1

SAYS = {
    Conclusion.STEP: "{what} decided the outcome",
    Conclusion.SEGMENT: "steps {steps} together decided the outcome; no single one of them did",
    Conclusion.SYSTEMIC: "hardly a fork ends otherwise even from the start, so no step is to blame",
    Conclusion.NO_DROP: "the recorded answers change nothing: forks end alike before and after them",
    Conclusion.DIFFUSE: "the recorded answers matter, but no single step or short range of them by much",
    Conclusion.UNSTABLE: "at the end the recorded run was judged otherwise than before, so no step is named",
    Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET: "not identified within the budget",
}


def summary(report: BlameReport) -> str:
    """Return the findings in a sentence or three: effect and interval; never that a step "caused" it."""
    return " ".join(_write_sentences(report))


def _write_sentences(report: BlameReport) -> Iterator[str]:
    other = "failure" if report.recorded else "success"
    top = report.top()
    if report.mutated and not report.named:
        yield from _write_harm(report)
    else:
        yield f"{report.verdict}: {_say_verdict(report)}."
    for entry in report.named:
        yield _write_effect(entry, other)
    if report.verdict is Conclusion.UNSTABLE:
        return
    if report.effective is not None:
        option = advise("repeats='drawn'", "--repeats drawn")
        yield (
            f"Equal questions were answered byte for byte equally, or by a cache: "
            f"the {report.forks} forks are worth {report.effective}. "
            f"If the model draws anew each time, say {option}."
        )
    if top and not report.named and (belief := _find_belief(top)):
        yield f"The best guess, not decided, is {_name(top)} (belief {share(belief)})."
    shown = report.named or ((top,) if top and _find_belief(top) else ())
    yield from (_write_difference(entry, report.method) for entry in shown if entry.is_mixed)
    if report.held and not report.named and report.verdict is not Conclusion.SEGMENT:
        results = ", ".join(f"`{name}` ({count})" for name, count in report.held)
        yield (
            f"In all forks the results of {results} were as recorded: what they did to the run is not "
            f"measured; tools='live' would."
        )
    if report.more is not None:
        price = f", about {money(report.more_cost, report.unit)}" if report.more_cost is not None else ""
        yield f"About {report.more} more forks{price} would probably settle it."
    if report.untrusted:
        steps = ", ".join(map(str, report.untrusted))
        yield f"Not to be trusted, since most forks there said nothing: steps {steps}."


def _say_verdict(report: BlameReport) -> str:
    if report.inconclusive:
        return "no answer was found to decide the outcome, but not all that may have decided it was tried"
    what = _name(report.named[0]) if report.named else ""
    says = SAYS[report.verdict].format(
        what=what + "," * ("," in what), steps=", ".join(map(str, report.segment))
    )
    return says.replace("steps", "the parts of step", 1) if len(report.segment) == 1 else says


def _write_harm(report: BlameReport) -> Iterator[str]:
    """That a mutation names no step, and how much it harms by itself."""
    yield (
        f"{report.verdict}: no step is named, since a mutation shows what a run cannot bear, not what made "
        f"its outcome."
    )
    rates = [entry.after for entry in report.ranking if entry.after is not None]
    if report.harm is not None and rates:
        yield (
            f"Unchanged forks end otherwise in {share(fmean(rates))}; changed ones, at the median of all "
            f"steps, more often by {points(report.harm)}: so much it harms wherever it is made."
        )


def _name(entry: Ranked) -> str:
    """What an effect is of, in words."""
    if not entry.is_mixed:
        return entry.what
    if entry.kind == ANSWER:
        return f"what came before step {entry.step} and its answer"
    return f"what came before {entry.what.partition(', ')[2]} and the result itself"


def _write_difference(entry: Ranked, method: str) -> str:
    """That a part was asked for otherwise than was recorded, and what that may come from."""
    between = f"between step {entry.step - 1} and {entry.step}" if entry.step else "before step 0"
    unknown = (
        "is not recorded changes it (a tool without @tracefork.tool, the clock, ...)"
        if method == "value"
        else "no fork serves changes it (a tool, the clock, ...)"
    )
    return (
        f"What it was asked differed in {entry.differed} of {entry.asked} forks: something {between} that "
        f"{unknown}."
    )


def _write_effect(entry: Ranked, other: str) -> str:
    """The rates of the `other` outcome, which is not the recorded one."""
    rate = f"{share(entry.before)} of the runs end in {other}"
    match entry:
        case RankedFlips():
            return (
                f"With step {entry.step} changed {rate}, unchanged {share(entry.after)} do: an excess of "
                f"{_write_points(entry)}."
            )
        case RankedEffect():
            return (
                f"With step {entry.step} alone asked anew and all others as recorded {rate} "
                f"({share(entry.low)} to {share(entry.high)})."
            )
        case _ if entry.kind == ANSWER and not entry.is_mixed:
            return (
                f"With step {entry.step} asked anew {rate}, with its recorded answer {share(entry.after)} "
                f"do: a drop of {_write_points(entry)}."
            )
        case _:
            return (
                f"With it drawn anew {rate}, as it was recorded {share(entry.after)} do: a drop of "
                f"{_write_points(entry)}."
            )


def _write_points(entry: Ranked) -> str:
    low, high = _find_interval(entry)
    return f"{points(entry.value_drop)} ({points(low)} to {points(high)})"


def _find_interval(entry: Ranked) -> tuple[float, float]:
    """The interval of its value drop."""
    if isinstance(entry, RankedFlips):
        return entry.excess_low, entry.excess_high
    return entry.low, entry.high


def _find_belief(entry: Ranked) -> float | None:
    return entry.posterior if isinstance(entry, RankedDrop) else None


def table(report: BlameReport, most: int = 20) -> Iterator[str]:
    """Give the lines of a table: `most` steps of the ranking, each with its interval drawn from -1 to 1.

    `o` is the estimate, filled (`*`) where it is decided, `|` the margin.
    """
    shown = [entry for entry in report.ranking if entry.measured or (_find_belief(entry) or 0) >= _WORTH][
        :most
    ]
    scale = f"{'-1':<{WIDTH // 2}}0{'1':>{WIDTH // 2}}"
    yield f"{'step':>5} {'drop':>6}  {scale}  {'before':>6} {'after':>6} {'forks':>5} {'belief':>6}"
    for entry in shown:
        marks = "decided" if entry.certified else "" if entry.trusted else "not trusted"
        drop, before, after = share(entry.value_drop), share(entry.before), share(entry.after)
        drawn, belief = whisker(entry, report.margin), share(_find_belief(entry))
        rates = f"{before:>6} {after:>6} {entry.forks:>5} {belief:>6}"
        part = "" if entry.kind == ANSWER else entry.what.partition(", ")[2]
        notes = ", ".join(filter(None, (marks, part)))
        yield f"{entry.step:>5} {drop:>6}  {drawn}  {rates}  {notes}".rstrip()
    if len(shown) < len(report.ranking):
        yield f"      and {len(report.ranking) - len(shown)} more, not measured or hardly suspected"


_WORTH = 0.01


def whisker(entry: Ranked, margin: float) -> str:
    """Return the interval of the drop, drawn from -1 to 1 in `WIDTH` characters."""
    line = [" "] * WIDTH
    line[WIDTH // 2] = "."
    line[_find_column(margin)] = "|"
    low, high = _find_interval(entry)
    for at in range(_find_column(low), _find_column(high) + 1):
        line[at] = "-"
    if entry.measured:
        line[_find_column(entry.value_drop)] = "*" if entry.certified else "o"
    return "".join(line)


def _find_column(value: float) -> int:
    return round((min(1.0, max(-1.0, value)) + 1) / 2 * (WIDTH - 1))


def spending(report: BlameReport) -> str:
    """Return the costs of the forks in a line."""
    spent = report.spent
    worth = "" if report.effective is None else f" worth {report.effective}"
    parts = [f"{report.forks} forks{worth}", f"{spent.calls} live calls"]
    if spent.tokens:
        parts.append(f"{spent.tokens} tokens")
    parts.append("price unknown" if spent.usd is None else money(float(spent.usd), "USD"))
    if report.given:
        parts.append(f"{report.given} questions answered for nothing")
    for count, what in ((report.undefined, "without a clear grade"), (report.broken, "diverged or failed")):
        if count:
            parts.append(f"{count} {what}")
    return ", ".join(parts)


def share(value: float | None) -> str:
    """A share of 1 in per cent."""
    return "-" if value is None else f"{value * 100:.0f}%".replace("-0%", "0%")


def points(value: float) -> str:
    """A difference of shares in percentage points."""
    return f"{value * 100:.0f} points".replace("-0 ", "0 ")


def money(amount: float | None, unit: str) -> str:
    """An amount in `unit`, to two figures that matter."""
    if amount is None:
        return f"? {unit}"
    if unit == "USD":
        return f"${amount:.2f}" if amount >= 1 or amount == 0 else f"${amount:.2g}"
    return f"{amount:.0f} {unit}"
