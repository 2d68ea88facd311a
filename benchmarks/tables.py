"""The parts of the table: what is measured, in which order, beside what; when its rows are read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from attrs import frozen

from benchmarks import blaming, compression, curve, hashing, large, measure, peers, report, sizes, storage
from benchmarks.peers import Missing
from benchmarks.rerun import cost, proxied, table

Row: TypeAlias = tuple[str, ...]

LARGE = 1000
COUNT, ROUNDS = 500, 5
GOALS = ("#", "measured", "value", "beside", "ratio", "goal")


@frozen
class Part:
    """A part of the table: its heading, the command that prints it alone, its columns and its rows.

    A row is told how many turns the longest run has.
    """

    name: str
    heading: str
    command: str
    columns: tuple[str, ...]
    rows: Callable[[int], Iterator[Row]]


def _compression(_: int) -> Iterator[Row]:
    for design in compression.designs():
        yield design.name, f"{design.size:,.0f}", f"{design.milliseconds:.2f}", design.reads


def _hashing(_: int) -> Iterator[Row]:
    for name, by_size in hashing.speeds().items():
        yield name, *(f"{speed:,.0f}" for speed in by_size.values())


def _resuming(_: int) -> Iterator[Row]:
    told = hashing.resuming()
    for what, seconds in (("whole", told.whole), ("from where two bodies part", told.resumed)):
        yield (
            f"sha-256, {what}",
            f"{told.bytes / 1e6:,.0f}",
            f"{seconds * 1e3:.1f}",
            f"{seconds / told.whole:.2f}",
        )
    finding = "finding where they part"
    yield finding, "", f"{told.finding * 1e3:.1f}", f"{told.finding / told.whole:.2f}"


def _sizes(_: int) -> Iterator[Row]:
    for name, found in storage.shapes():
        yield _shape(
            name, storage.FULL[name], found, f"{storage.JOURNAL[name]:.2f}", f"{storage.SEALED[name]:.2f}"
        )
    count, found = storage.real()
    if count:
        yield _shape(f"{count} recorded runs", 0, found, "", "")


def _shape(name: str, turns: int, found: storage.Sizes, journal: str, sealed: str) -> Row:
    return (
        name,
        f"{turns or ''}",
        *(f"{size:,}" for size in (found.raw, found.per_body, found.limit, found.journal, found.sealed)),
        f"{found.journal / found.limit:.2f}{journal and f' (≤ {journal})'}",
        f"{found.sealed / found.limit:.2f}{sealed and f' (≤ {sealed})'}",
    )


def _storage(longest: int) -> Iterator[Row]:
    run = storage.growing(400)
    whole, journal = sizes.per_body(run()).size, sizes.journal(run).size
    what, beside = "per-body zstd-3, bytes of 400 turns", f"the journal: {journal:,}"
    yield _goal("3", what, whole, beside, whole / journal, "≥ 100")
    by_turns = storage.an_exchange((50, 400, longest))
    few, many = by_turns[50], by_turns[longest]
    among = f"at 50: {few:,.0f}, at 400: {by_turns[400]:,.0f}"
    yield _goal("4", f"journal, bytes an exchange at {longest:,}", many, among, many / few, "≤ 1.05")
    for kind, files in storage.stores().items():
        beside = f"sealed: {files.sealed:,}"
        yield _goal(
            "", f"files of {kind}, 400 turns", files.growing, beside, files.sealed / files.growing, ""
        )
    forked = storage.forked()
    tails = f"per-body zstd-3 of their tails: {forked.per_body:,}"
    ratio = forked.branches / forked.per_body
    yield _goal("5", "1,000 forks of 50 steps, bytes of their logs", forked.branches, tails, ratio, "≤ 0.05")
    ratio = forked.files / forked.per_body
    yield _goal("", "the same, files of SQLite with their parent", forked.files, tails, ratio, "")


def _large(longest: int) -> Iterator[Row]:
    found = large.apart(large.opened, longest)
    yield _goal(
        "9",
        f"open {longest:,} turns, CPU ms",
        found.opening * 1e3,
        f"memcpy of their bodies: {found.copying * 1e3:.1f}",
        found.opening / found.copying,
        "≤ 0.3",
    )
    yield _goal(
        "10",
        f"hashes of all bodies of {longest:,} turns just opened, CPU ms",
        found.resumed * 1e3,
        f"hashing everything: {found.hashing * 1e3:.1f}",
        found.resumed / found.hashing,
        "≤ 0.1",
    )
    yield _goal(
        "",
        "their digest, of headers and ticks too, CPU ms",
        found.digest * 1e3,
        f"hashing everything: {found.hashing * 1e3:.1f}",
        found.digest / found.hashing,
        "",
    )
    memory = large.held(longest)
    yield _goal(
        "13",
        f"MB to record {longest:,} turns",
        memory.recorded / 1e6,
        f"largest body: {memory.largest_body / 1e6:.1f}, the agent alone: {memory.bare / 1e6:.1f}",
        memory.recorded / memory.largest_body,
        "≤ 25",
    )


def _cost(_: int) -> Iterator[Row]:
    short, long = measure.growth()
    for job in short:
        ratio = long[job] / short[job]
        yield _goal(
            "8", f"{job}, us a step at 10,000", long[job], f"at 100: {short[job]:.1f}", ratio, "≤ 1.5"
        )
    for kind, by_count in measure.matching().items():
        times = list(by_count.values())
        beside = ", ".join(f"at {count:,}: {spent:.1f}" for count, spent in list(by_count.items())[:-1])
        yield _goal(
            "8", f"match of {kind} questions, us at 10,000", times[-1], beside, times[-1] / times[0], "≤ 1.5"
        )
    ours, theirs = measure.import_cost()
    yield _goal(
        "12", "`import tracefork`, CPU ms", ours, f"`import httpx`: {theirs:.1f}", ours / theirs, "≤ 0.1"
    )
    bare = measure.round_trip(measure.bare(), COUNT, ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            "recording in memory": measure.recording(),
            "recording to SQLite": measure.recording(str(Path(folder) / "runs.db")),
            "recording to a directory": measure.recording(str(Path(folder) / "runs")),
            "replaying": measure.replaying(COUNT * ROUNDS),
        }
        for kind, trips in kinds.items():
            spent = measure.round_trip(trips, COUNT, ROUNDS)
            what = f"{kind}, us a round trip of 500 bytes"
            yield _goal("", what, spent, f"bare: {bare:.0f}", spent / bare, "")
        yield from _turns(measure.conversation(folder), "a turn of 50", "≤ 1.25", "≤ 1.35")
        yield from _turns(measure.conversation(folder, 400, 1), "a turn of 400", "≤ 1.25", "≤ 2")
        bare_bytes = measure.conversation(folder, 400, 3, parsed=False)
        yield from _turns(bare_bytes, "a turn of 400 without JSON", "", "≤ 2")
        byte, busy = measure.first_byte(folder), measure.busy_loop(folder)
    for kind in ("in memory", "to SQLite"):
        what = f"recording {kind} adds to the first byte of a stream"
        yield _added("11", what, byte[kind], byte["bare"])
    for kind in ("in memory", "to SQLite"):
        what = f"recording {kind} adds to an answer beside 1,000 busy tasks"
        yield _added("", what, busy[kind], busy["bare"])
    order = measure.thread_order()
    yield "", "threads: replays in the order of completion, of 50", str(order), "", "", "none promised"
    spent = measure.chance()
    for name, bare in spent["bare"].items():
        for when in ("beside a run", "within a run", "after a run"):
            cost = spent[when][name]
            what = f"`{name}` {when} that virtualizes it, us"
            yield "", what, f"{cost:.2f}", f"bare: {bare:.2f}", f"{cost / bare:.2f}", ""


def _unchanged(_: int) -> Iterator[Row]:
    for turns in (50, 200):
        with tempfile.TemporaryDirectory() as folder:
            spent = cost.unchanged(folder, turns)
        for kind, goal in (("rerun", "≤ 1.1"), ("rerun to SQLite", "")):
            what, beside = f"a turn of {turns}, us of CPU, {kind}", f"replay: {spent['replay']:.0f}"
            yield _goal("", what, spent[kind], beside, spent[kind] / spent["replay"], goal)


def _turns(spent: dict[str, float], turn: str, record: str, replay: str) -> Iterator[Row]:
    for number, kind, goal in (
        ("6", "in memory", record),
        ("6", "to SQLite", record),
        ("7", "replay", replay),
    ):
        what = f"{turn}, us of the agent's thread, {kind}"
        yield _goal(
            number, what, spent[kind], f"bare: {spent['bare']:.0f}", spent[kind] / spent["bare"], goal
        )


def _peers(_: int) -> Iterator[Row]:
    for turns in (50, 400):
        for name, found in peers.compared(turns).items():
            if isinstance(found, Missing):
                yield str(turns), name, f"not measured: {found.why}", "", "", ""
                continue
            replay = (
                "" if found.replay is None else f"{found.replay * 1e3:.2f}{'' if found.same else ' (wrong)'}"
            )
            times = f"{found.seconds * 1e3:.1f}", replay
            yield str(turns), name, f"{found.bytes:,}", *times, f"{found.memory / 1e6:.0f}"


def _curve(longest: int) -> Iterator[Row]:
    measured = curve.measured(longest)
    curve.keep(measured)
    for name, points in measured.items():
        yield name, *(f"{points[turns]:,}" if turns in points else "" for turns in curve.TURNS)


def _goal(number: str, what: str, value: float, beside: str, ratio: float, goal: str) -> Row:
    shown = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
    return number, what, shown, beside, f"{ratio:.2f}", goal


def _added(number: str, what: str, value: float, bare: float) -> Row:
    return (
        number,
        f"ms that {what}",
        f"{value - bare:.2f}",
        f"bare: {bare:.1f}",
        f"{value / bare:.2f}",
        "≤ 1 ms",
    )


SIZED = ("bytes of", "turns", "raw", "per-body zstd-3", "limit", "journal", "sealed")
PARTS = (
    Part(
        "compression",
        "Compression: a growing run of 400 turns",
        "python -m benchmarks.run compression",
        ("design", "bytes an exchange", "CPU ms an exchange", "to read one back"),
        _compression,
    ),
    Part(
        "hashing",
        "Hashing: MB/s of CPU time by size of the body",
        "python -m benchmarks.run hashing",
        ("function", *(f"{size:,} bytes" for size in hashing.SIZES)),
        _hashing,
    ),
    Part(
        "hashing",
        "Hashing: the request bodies of 400 turns",
        "python -m benchmarks.run hashing",
        ("job", "MB", "CPU ms", "of whole"),
        _resuming,
    ),
    Part(
        "storage",
        "Storage by shape: goals 1 (journal) and 2 (sealed), against the limit",
        "python -m benchmarks.storage",
        (*SIZED, "journal / limit", "sealed / limit"),
        _sizes,
    ),
    Part("storage", "Storage: goals 3 to 5", "python -m benchmarks.storage", GOALS, _storage),
    Part(
        "large",
        "The longest run: goals 9, 10 and 13",
        "python -m benchmarks.run large",
        GOALS,
        _large,
    ),
    Part("cost", "Time: goals 6 to 8, 11 and 12", "python -m benchmarks.run cost", GOALS, _cost),
    Part(
        "report",
        "The report: goal 14, and the page that tracefork 1.0.0 makes",
        "python -m benchmarks.run report",
        ("page", "MB", "CPU s to make", "first paint, ms", "ready, ms (≤ 1,000)", "at rest, ms"),
        lambda _: report.rows(),
    ),
    Part(
        "effort",
        "The report beside parsing the requests of its run",
        "python -m benchmarks.run effort",
        ("steps", "CPU s to make", "CPU s of json.loads", "ratio (≤ 2)"),
        lambda _: report.efforts(),
    ),
    Part(
        "report",
        "The report in use: medians / 95th percentiles",
        "python -m benchmarks.run report",
        (
            "steps",
            "open one, ms (≤ 80)",
            "slowest view, ms",
            "search, ms (≤ 100)",
            "frame, ms (≤ 17 / 34)",
            "heap, MB (≤ 16)",
            "elements",
        ),
        lambda _: report.uses(),
    ),
    Part(
        "blame",
        f"Blame beside other designs: the same {blaming.TIMES} runs of each kind",
        "python -m benchmarks.run blame",
        ("planted", "design", "best guess is a culprit", "holds an innocent step responsible", "live calls"),
        lambda _: blaming.designs(),
    ),
    Part(
        "blame",
        "Blame: what its forks cost",
        "python -m benchmarks.run blame",
        ("measured", "value", "beside", "ratio", "goal"),
        lambda _: blaming.costs(),
    ),
    Part(
        "rerun",
        "Rerun: a hundred edits of an agent on each SDK and framework",
        "python -m benchmarks.run rerun",
        table.COLUMNS,
        lambda _: table.rows(),
    ),
    Part(
        "rerun",
        "Rerun: where each errand's prompt holds a time and an id of its own",
        "python -m benchmarks.run rerun",
        table.COLUMNS,
        lambda _: table.drawn(),
    ),
    Part(
        "rerun",
        "Rerun: an agent that did not change, CPU time",
        "python -m benchmarks.run rerun",
        GOALS,
        _unchanged,
    ),
    Part(
        "timefork",
        "Rerun: timefork, the same edits of agents that ask one question after another",
        "python -m benchmarks.run timefork",
        table.COLUMNS,
        lambda _: proxied.rows(),
    ),
    Part(
        "peers",
        "Peers: a growing run over loopback, recorded into files",
        "python -m benchmarks.run peers",
        ("turns", "recorder", "bytes", "CPU ms a turn", "CPU ms a turn of replay", "MB at the peak"),
        _peers,
    ),
    Part(
        "curve",
        "Bytes by turns: what the plot shows",
        "python -m benchmarks.run curve",
        ("kept by", *map(str, curve.TURNS)),
        _curve,
    ),
)
