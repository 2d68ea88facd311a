"""What the documentation says of us is so, today and on this machine; and the page is what was measured."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import fidelity

CLOCK = 3  # tries for the probes that look at the clock: other programs run on this machine too


@pytest.mark.nightly  # a process for each probe
@pytest.mark.parametrize("lib", fidelity.LIBRARIES)
def test_every_probe_says_yes_of_us(lib):
    def told(title):
        for _ in range(CLOCK if "arrives" in title or "at once" in title else 1):
            said = fidelity.answer(sys.executable, "tracefork", lib, title)
            if said == "yes":
                break
        return said

    with ThreadPoolExecutor(2) as pool:
        said = dict(zip(fidelity.probes(), pool.map(told, fidelity.probes()), strict=True))

    told = {title: what for title, what in said.items() if not what.startswith(fidelity.NOT_ASKED)}
    assert {title: what for title, what in told.items() if what != "yes"} == {}


def test_the_page_is_what_was_measured():
    assert fidelity.PAGE.read_text() == fidelity.page(fidelity.kept())


def test_every_probe_was_put_to_every_recorder():
    kept = fidelity.kept()

    assert list(kept) == [
        f"{name} / {lib}" for name, peer in fidelity.COLUMNS.items() for lib in peer.libraries
    ]
    for name, column in kept.items():
        assert list(column.said) == list(fidelity.probes()), name


def test_the_probes_find_fault():
    """A probe that cannot fail proves nothing: but for the plainest, each finds fault with somebody."""
    kept = fidelity.kept()
    never = [t for t in fidelity.probes() if all(column.said[t] == "yes" for column in kept.values())]

    assert len(never) <= len(fidelity.probes()) / 4, never
