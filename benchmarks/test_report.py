"""The goals for the report: sizes are exact, times those of a machine that does nothing else.

Where others run beside, a program waits for its turn: each time may be longer by as much as a
loop that only counts takes longer just before or after.
"""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from attrs import frozen

from benchmarks import report
from tracefork import report as reports

ROOM = 4.5
"""How many times as long as parsing its run's requests a page may take: it takes three to four."""


@frozen
class Seen:
    """How a page felt, and how crowded the machine was meanwhile."""

    felt: report.Felt
    crowded: float


@contextmanager
def browser():
    pytest.importorskip("playwright.sync_api")
    try:
        with report.chromium() as launch:
            yield launch
    except FileNotFoundError as missing:
        pytest.skip(f"there is no Chromium at {missing}")


def seen(feel):
    """What `feel` gives of a browser, and how crowded it was."""
    with browser() as launch:
        before = report.crowding()
        felt = feel(launch)
        return Seen(felt, max(before, report.crowding()))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return report.written(report.long_run(), tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def long(page):
    return seen(lambda launch: report.felt(launch, page.file, 300))


@pytest.fixture(scope="module")
def longest(tmp_path_factory):
    page = report.written(report.long_run(10_000), tmp_path_factory.mktemp("pages"))
    return seen(lambda launch: report.felt(launch, page.file, 300))


def test_the_run_is_one_of_fifty_megabytes():
    raw = sum(len(x.request.body) + x.response.size for x in report.restarting(1_000))

    assert raw == pytest.approx(50e6, rel=0.03)


def test_a_page_of_fifty_megabytes_is_light(page):
    assert page.bytes <= 2.6e6
    assert page.bytes <= page.bound


def test_a_page_of_a_history_that_is_never_cut_is_light(tmp_path):
    assert report.written(report.uncut(), tmp_path).bytes <= 1.2e6


@pytest.mark.nightly  # times are of this machine and this hour
def test_a_page_is_made_quickly(page):
    # these are seconds of a processor, which two programs that share its caches make twice as many at most
    assert page.seconds <= 1.5 * min(2.0, report.crowding())


def test_a_page_takes_little_more_than_to_parse_the_requests_of_its_run():
    tape = report.long_run()

    # both are measured in turns: who runs beside makes both slower, but parsing more unsteady
    assert min(report.making(tape).ratio for _ in range(2)) <= ROOM


def test_a_page_is_made_in_little_memory():
    distinct = sum(len(piece.text) for piece in reports.view(report.long_run()).pieces)

    assert report.memory(1_000) <= 3 * distinct + (64 << 20)


@pytest.mark.nightly  # times are of this machine and this hour
@pytest.mark.browser
def test_a_page_is_there_at_once(long):
    assert long.felt.paint <= 500 * long.crowded
    assert long.felt.ready <= 1_000 * long.crowded


@pytest.mark.nightly  # times are of this machine and this hour
@pytest.mark.browser
def test_a_page_is_quick_to_use(long):
    assert long.felt.opened[1] <= 80 * long.crowded
    assert long.felt.search <= 100 * long.crowded
    assert long.felt.scroll[0] <= 17
    assert long.felt.scroll[1] <= 34


@pytest.mark.nightly
@pytest.mark.browser
def test_a_page_stays_small_in_use(page):
    with browser() as launch:
        assert report.heap(launch, page.file, 300) <= 16e6


@pytest.mark.nightly  # times are of this machine and this hour
@pytest.mark.browser
def test_an_answer_of_fifty_megabytes_is_there_within_two_seconds(tmp_path):
    page = report.written(report.large_answer(), tmp_path)
    found = seen(lambda launch: report.started(launch, page.file))

    assert 0 < found.felt.ready <= 2_000 * found.crowded


@pytest.mark.browser
@pytest.mark.nightly
def test_ten_thousand_steps_are_as_quick_to_use(longest):
    assert longest.felt.ready <= 2_500 * longest.crowded
    assert longest.felt.opened[1] <= 80 * longest.crowded
    assert longest.felt.scroll[0] <= 17
    assert longest.felt.scroll[1] <= 34
