"""The report of a long run: how large the page is, what it takes to make, and how it feels in Chromium.

Decided: bodies are cut and kept once, before gzip; pieces come with their readings; the
list is the document's own up to 2,000 steps.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Literal

from attrs import evolve, frozen

from benchmarks import corpora
from benchmarks.corpora.restarts import restarting
from benchmarks.peers import Missing, environment
from tracefork import Response, Tape, report
from tracefork.report.page.payload import CHUNK

CHROMIUM = "/usr/bin/chromium"
FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --enable-precise-memory-info --js-flags=--expose-gc
""".split()
TABS = ("", "/conversation", "/request", "/response", "/events", "/headers")
STEP = 350  # bytes that a step may take in the page, besides its texts
CROWDING = 0.5  # seconds of a processor's time that it takes to see how crowded it is
FIXED = 115_000  # bytes of the style and the script

IDLE = """
    addEventListener("load", () => requestIdleCallback(() => { window.__idle = performance.now(); }));
"""
OPEN = """async ([count, tab]) => {
    const detail = document.getElementById("detail"), out = [];
    for (let step = 0; step < count; step++) {
        const start = performance.now(), where = `#step-${step}${tab}`;
        location.hash = where;
        await new Promise((done) => {
            const look = () => detail.dataset.shown === where ? done() : channel.port2.postMessage(0);
            const channel = new MessageChannel();
            channel.port1.onmessage = look;
            look();
        });
        detail.offsetHeight;
        out.push(performance.now() - start);
    }
    return out.sort((a, b) => a - b);
}"""
SEARCH = """async (words) => {
    const box = document.getElementById("search"), found = document.getElementById("found"), out = [];
    for (const word of words) {
        found.textContent = "";
        box.value = word;
        box.dispatchEvent(new Event("input"));
        await new Promise((done) => setTimeout(done, 119));
        const start = performance.now();
        await new Promise((done) => {
            const look = () => found.textContent ? done() : setTimeout(look, 0);
            look();
        });
        out.push(performance.now() - start);
    }
    box.value = "";
    box.dispatchEvent(new Event("input"));
    return out.sort((a, b) => a - b);
}"""
SCROLL = """async () => {
    const list = document.getElementById("list"), out = [];
    list.scrollTop = 0;
    let last = await new Promise(requestAnimationFrame);
    for (let frame = 0; frame < 150; frame++) {
        list.scrollTop += 90;
        const now = await new Promise(requestAnimationFrame);
        out.push(now - last);
        last = now;
    }
    return out.sort((a, b) => a - b);
}"""
PUBLISHED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import wire
from tracefork import Tape
from tracefork.report import generate_report
tape = Tape(exchanges=[(one.body, b"".join(one.chunks)) for one in wire.read(Path(sys.argv[1]))])
start = time.process_time()
generate_report(tape, Path(sys.argv[2]), compression_step_threshold=int(sys.argv[4]))
print(time.process_time() - start)
"""


@frozen
class Written:
    """A page: its file's bytes, and the CPU seconds that it took to make; `bound` is what it may have."""

    file: Path
    bytes: int
    seconds: float
    bound: int = 0


@frozen
class Making:
    """CPU seconds: to make a page, and to parse each request of its run, all that comes of it being kept."""

    page: float
    parsing: float

    @property
    def ratio(self) -> float:
        return self.page / self.parsing


@frozen
class Felt:
    """Milliseconds in Chromium: starts are medians of five, pairs are median and 95th percentile."""

    paint: float
    rest: float
    ready: float = 0.0
    heap: float = 0.0
    elements: int = 0
    opened: tuple[float, float] = (0.0, 0.0)
    slowest_tab: float = 0.0
    search: float = 0.0
    scroll: tuple[float, float] = (0.0, 0.0)


def long_run(count: int = 1_000) -> Tape:
    """R: 1,000 exchanges of 50 MB whose history begins anew every 28 steps."""
    return corpora.tape(restarting(count), "restarting")


def uncut(count: int = 400) -> Tape:
    """A: a history that only grows, 250 MB at 400 steps."""
    return corpora.tape(corpora.alone("A", count), "growing")


def written(tape: Tape, folder: str | Path, mode: Literal["app", "static"] = "app") -> Written:
    """The page of `tape`, best of three, and what goal 1 allows it."""
    times = []
    for _ in range(3):
        start = time.process_time()
        html = report.html(tape, mode=mode)
        times.append(time.process_time() - start)
    file = Path(folder) / f"{tape.run_id}-{mode}.html"
    file.write_bytes(html.encode())
    return Written(file, file.stat().st_size, min(times), bound(tape))


def making(tape: Tape) -> Making:
    """What the page of `tape` takes beside `json.loads` of the run's requests: best of three, in turns."""
    bodies = [exchange.request.body for exchange in tape]
    pages, parsings = list[float](), list[float]()
    for _ in range(3):
        fresh = evolve(tape)  # one that has not computed its digest
        start = time.process_time()
        kept: object = [json.loads(body) for body in bodies]
        parsings.append(time.process_time() - start)
        del kept
        start = time.process_time()
        report.html(fresh)
        pages.append(time.process_time() - start)
    return Making(min(pages), min(parsings))


def large_answer(size: int = 50_000_000) -> Tape:
    """One exchange with an answer of 50 MB."""
    (first,) = corpora.tape(restarting(1), "large-answer")
    said = b'{"type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"%s"}]}'
    answer = Response(200, (("content-type", "application/json"),), (said % (b"word " * (size // 5)),))
    return Tape((evolve(first, answer=answer),), run_id="large-answer")


def crowding() -> float:
    """How many times longer a program takes now than on a machine of its own, where it is 1."""
    wall, own = time.perf_counter(), time.process_time()
    while time.process_time() - own < CROWDING:
        sum(range(10_000))
    return max(1.0, (time.perf_counter() - wall) / (time.process_time() - own))


def bound(tape: Tape) -> int:
    """One and a half times the compressed distinct text, and 350 bytes a step, and the style and script."""
    size, room = 0, list[str]()
    for piece in report.view(tape).pieces:
        room.append(piece.text)
        if sum(map(len, room)) >= CHUNK:
            size += len(zlib.compress("".join(room).encode(), 6))
            room.clear()
    size += len(zlib.compress("".join(room).encode(), 6))
    return int(1.5 * size) + STEP * len(tape) + FIXED


def memory(count: int) -> int:
    """Bytes by which a process of its own grows to make the page of `long_run(count)`."""
    program = (
        "import resource; from benchmarks import report as r; from tracefork import report;"
        f"tape = r.long_run({count}); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "report.html(tape); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert resource.RUSAGE_SELF == 0
    return int(done.stdout) * unit


def published(tape: Tape, folder: str | Path, *, plain: bool) -> Written | Missing:
    """The page that tracefork 1.0.0 makes: compressed, or `plain` as the first release had it."""
    from benchmarks.peers import HERE, wire, wired

    python = environment("tracefork 1.0.0")
    if isinstance(python, Missing):
        return python
    exchanges, file = Path(folder).absolute() / "exchanges", Path(folder) / f"published-{plain}.html"
    wire.write(exchanges, map(wired, tape))
    command = [python, "-c", PUBLISHED, exchanges, file, HERE, str(10**9 if plain else 50)]
    # elsewhere: it has its own tracefork
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        return Missing(done.stderr.strip().splitlines()[-1])
    return Written(file, file.stat().st_size, float(done.stdout))


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser.

    Raises:
        ImportError: playwright is not installed.
        FileNotFoundError: there is no Chromium.
    """
    from playwright.sync_api import sync_playwright

    if not Path(CHROMIUM).exists():
        raise FileNotFoundError(CHROMIUM)
    with sync_playwright() as playwright:

        def launch() -> Any:
            return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)

        yield launch


def started(launch: Any, file: Path) -> Felt:
    """How a page starts, whoever made it: medians of five fresh browsers."""
    paints, rests, readies = [], [], []
    for _ in range(5):
        with _opened(launch, file) as page:
            while not (rest := page.evaluate("window.__idle || 0")):
                page.wait_for_timeout(50)
            rests.append(rest)
            paints.append(_mark(page, "first-contentful-paint"))
            if _mark(page, "tracefork-start"):  # it is ours
                page.wait_for_selector("html[data-ready]", state="attached")
            readies.append(_mark(page, "tracefork-ready"))
    return Felt(median(paints), median(rests), median(readies))


def felt(launch: Any, file: Path, count: int) -> Felt:
    """How a page of ours starts, and what it is like to use."""
    start = started(launch, file)
    with _opened(launch, file) as page:
        page.wait_for_selector("html[data-ready]", state="attached")
        page.wait_for_timeout(3000)  # in which it opens what a search will look at
        search = page.evaluate(SEARCH, ["the", "careful", "exception", "no such words"])
        opened = page.evaluate(OPEN, [count, ""])
        tabs = [page.evaluate(OPEN, [min(count, 100), tab]) for tab in TABS]
        held = _heap(page)
        elements = page.evaluate("document.querySelectorAll('*').length")
        scroll = page.evaluate(SCROLL)
    return Felt(
        start.paint,
        start.rest,
        start.ready,
        held,
        elements,
        (_share(opened, 0.5), _share(opened, 0.95)),
        max(_share(times, 0.95) for times in tabs),
        search[-1],
        (_share(scroll, 0.5), _share(scroll, 0.95)),
    )


def heap(launch: Any, file: Path, count: int) -> float:
    """Bytes of the script's heap once the first `count` steps were opened."""
    with _opened(launch, file) as page:
        page.wait_for_selector("html[data-ready]", state="attached")
        page.evaluate(OPEN, [count, ""])
        return _heap(page)


def _heap(page: Any) -> float:
    return float(page.evaluate("() => { gc(); gc(); return performance.memory.usedJSHeapSize }"))


@contextmanager
def _opened(launch: Any, file: Path) -> Iterator[Any]:
    browser = launch()
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(IDLE)
    page.goto(file.as_uri())
    try:
        yield page
    finally:
        browser.close()


def _mark(page: Any, name: str) -> float:
    found = page.evaluate("(name) => performance.getEntriesByName(name)[0]?.startTime ?? 0", name)
    return float(found)


def _share(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(share * len(times)))]


def rows() -> Iterator[tuple[str, ...]]:
    """The table: of each page its size, the time that it takes to make, and how it feels."""
    with tempfile.TemporaryDirectory() as folder:
        tape = long_run()
        pages: list[tuple[str, Written | Missing]] = [
            ("ours, 1,000 steps, 50 MB", written(tape, folder)),
            ("ours without a script, the same", written(tape, folder, "static")),
            ("1.0.0, the same", published(tape, folder, plain=False)),
            ("1.0.0, not compressed, as 0.1.0", published(tape, folder, plain=True)),
            ("ours, 400 steps never cut, 267 MB", written(uncut(), folder)),
            ("ours, 10,000 steps", written(long_run(10_000), folder)),
        ]
        with chromium() as launch:
            for name, page in pages:
                if isinstance(page, Missing):
                    yield name, f"not measured: {page.why}", "", "", "", ""
                    continue
                start = started(launch, page.file)
                ready = f"{start.ready:,.0f}" if start.ready else ""
                size = f"{page.bytes / 1e6:.2f}"
                yield name, size, f"{page.seconds:.2f}", f"{start.paint:,.0f}", ready, f"{start.rest:,.0f}"


def efforts() -> Iterator[tuple[str, ...]]:
    """What it takes to make the page of 1,000 steps, and of 10,000, beside parsing their requests."""
    for count in (1_000, 10_000):
        made = making(long_run(count))
        yield f"{count:,}", f"{made.page:.2f}", f"{made.parsing:.2f}", f"{made.ratio:.1f}"


def uses() -> Iterator[tuple[str, ...]]:
    """What it is like to use the page of 1,000 steps, and of 10,000."""
    with tempfile.TemporaryDirectory() as folder, chromium() as launch:
        for count in (1_000, 10_000):
            page = written(long_run(count), folder)
            found = felt(launch, page.file, min(count, 1_000))
            yield (
                f"{count:,}",
                f"{found.opened[0]:.0f} / {found.opened[1]:.0f}",
                f"{found.slowest_tab:.0f}",
                f"{found.search:.0f}",
                f"{found.scroll[0]:.1f} / {found.scroll[1]:.1f}",
                f"{found.heap / 1e6:.1f}",
                f"{found.elements:,}",
            )
