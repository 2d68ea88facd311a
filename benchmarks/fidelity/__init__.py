"""The same questions about fidelity, put to tracefork and to its peers, each in an environment of its own.

`probes.py` holds the questions, `recorders.py` how each recorder is used, `server.py`
what is asked; these three need nothing of ours. What was said is kept in
`results.json`, and the page in the documentation is made of it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

from attrs import asdict, frozen

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "docs" / "concepts" / "fidelity.md"
BOTH = ("httpx", "httpx2")
LIBRARIES = (*BOTH, "requests", "aiohttp")
NOT_ASKED = "not asked"
"""How a probe begins to say that it is about something which the library cannot do."""

PATIENCE = 120  # seconds for one probe


@frozen
class Peer:
    """A recorder: what to install, with which Python, and which HTTP libraries it knows."""

    package: str
    requirement: str = ""
    python: str = "python3"
    libraries: tuple[str, ...] = LIBRARIES


@frozen
class Column:
    """What a recorder said with one library: by the title of the probe, "yes" or what went wrong."""

    versions: dict[str, str]
    said: dict[str, str]


COLUMNS = {
    "tracefork": Peer("tracefork"),
    "tracefork 1.0.0": Peer("tracefork", "tracefork==1.0.0", "python3.12", BOTH),
    "vcrpy": Peer("vcrpy", "vcrpy==9.4.2"),
    "cassetter": Peer("cassetter", "cassetter==0.16.1"),
}

Results: TypeAlias = dict[str, Column]


@cache
def probes() -> tuple[str, ...]:
    """The titles, in the order of the table."""
    listed = (HERE / "probes.py").read_text()
    return tuple(line.split('"')[1] for line in listed.splitlines() if line.startswith('@probe("'))


def asked(python: str, recorder: str, lib: str) -> Iterator[tuple[str, str]]:
    """Put every probe; yield its title and what came of it."""
    for title in probes():
        yield title, answer(python, recorder, lib, title)


def answer(python: str, recorder: str, lib: str, title: str) -> str:
    """What one probe says: "yes", or what went wrong; also when it crashes or does not end."""
    command = [python, str(HERE / "probes.py"), recorder, lib, title]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return "hangs"
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return f"crashes ({done.returncode})"
    said: str = json.loads(lines[-1])
    return said


def versions(python: str, package: str) -> dict[str, str]:
    """The versions of the recorder and of all libraries in the environment of `python`."""
    names = [package, *LIBRARIES]
    ask = f"import json, importlib.metadata as m; print(json.dumps({{n: m.version(n) for n in {names}}}))"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def kept() -> Results:
    """What was said the last time."""
    read = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return {name: Column(**column) for name, column in read.items()}


def keep(results: Results) -> None:
    ordered = {f"{n} / {lib}": None for n, peer in COLUMNS.items() for lib in peer.libraries}
    told = {name: asdict(results[name]) for name in ordered if name in results}
    RESULTS.write_text(json.dumps(told, indent=1) + "\n")


def page(results: Results) -> str:
    """The documentation's page, in Markdown."""
    lines = list(_table(_columns(results)))
    for lib in LIBRARIES[len(BOTH) :]:
        of_lib = {
            name.partition(" / ")[0]: {lib: column}
            for name, column in results.items()
            if name.endswith(f" / {lib}")
        }
        lines += ["", f"## Over {lib}", "", *_table(of_lib)]
    seen = dict[str, str]()
    for name, column in results.items():
        seen |= {lib: column.versions[lib] for lib in LIBRARIES if lib in column.versions}
        recorder = name.partition(" / ")[0]
        seen[recorder] = column.versions[COLUMNS[recorder].package]
    seen["tracefork"] += " (this one)"
    versions = ", ".join(n if n.endswith(v) else f"{n} {v}" for n, v in sorted(seen.items()))
    return PREFACE.format(versions=versions) + "\n".join(lines) + "\n"


def _table(columns: dict[str, Results]) -> Iterator[str]:
    yield _row("", list(columns))
    yield _row("---", ["---"] * len(columns))
    for title in probes():
        yield _row(title, [_cell(title, of) for of in columns.values()])
    counts = [" / ".join(dict.fromkeys(_count(column) for column in of.values())) for of in columns.values()]
    yield _row("", counts)


def _row(title: str, cells: list[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def _columns(results: Results) -> dict[str, Results]:
    """The first table's columns, by heading: ours for each of BOTH, a peer's for both, by library."""
    columns: dict[str, Results] = {}
    for name, column in results.items():
        recorder, lib = name.split(" / ")
        if lib not in BOTH:
            continue
        heading = f"{recorder}<br>{lib}" if recorder == "tracefork" else recorder
        columns.setdefault(heading, {})[lib] = column
    return columns


def _cell(title: str, of: Results) -> str:
    """What was said, once where it was the same over each library."""
    said = {lib: _mark(column.said.get(title, "not asked")) for lib, column in of.items()}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "<br>".join(f"{lib}: {what}" for lib, what in said.items())


def _count(column: Column) -> str:
    asked = [said for said in column.said.values() if not said.startswith(NOT_ASKED)]
    return f"**{asked.count('yes')} of {len(asked)}**"


def _mark(said: str) -> str:
    """A tick for "yes", a dash for what was not asked; an exception's name may break between its words."""
    if said.startswith(NOT_ASKED):
        return "-"
    return "✓" if said == "yes" else re.sub(r"(?<=[a-z])(?=[A-Z])", "<wbr>", said)


PREFACE = """\
---
hide:
  - toc
---

# Fidelity, measured

The same questions, put to tracefork and to other recorders over each HTTP library.
A ✓ means that it does; anything else is what happened instead, or the exception that was raised.
A peer has one column where both libraries say the same.
A dash is where a library cannot do what is asked about: `requests` knows no tasks, and a session of aiohttp
has one loop, and so one thread.

Each question is a program of its own, against a server of its own on loopback; each peer has an environment
of its own (`benchmarks/fidelity` in the repository).
Each recorder is used as its documentation says, with its defaults.
tracefork hides the values of headers that are not on its list, cookies among them, from a tape and hence from
a replay: that is no fault here.
What single faults, bodies and SDKs do is tested further by the suite, and listed in the
[guide to SDKs](../guides/sdks.md).
Our own columns are asked anew by every run of the benchmarks' tests.

Measured with {versions}.

"""
