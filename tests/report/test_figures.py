"""Numbers as a person reads them: none rolls over, in Python or in the page's script."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracefork.report.figures import dollars, duration, share, short, size
from tracefork.report.page.page import asset

SHORT = {
    999: "999",
    1_000: "1.0k",
    9_949: "9.9k",
    9_950: "10k",
    999_499: "999k",
    999_500: "1.0M",
    999_999: "1.0M",
}
SIZE = {
    0: "0 B", 1_023: "1023 B", 1_024: "1.0 KiB", 1_048_523: "1023.9 KiB", 1_048_575: "1.0 MiB",
    2**30 - 1: "1.0 GiB", 5 * 2**30: "5.0 GiB",
}  # fmt: skip
DURATION = {
    -0.0: "0 ms", -0.0001: "0 ms", 0.9994: "999 ms", 0.9996: "1.0 s", 59.94: "59.9 s", 59.97: "1 min 0 s",
    3_599.4: "59 min 59 s", 3_599.6: "1 h 0 min", 7_199.9: "2 h 0 min",
}  # fmt: skip


@pytest.mark.parametrize(("figure", "said"), [(short, SHORT), (size, SIZE), (duration, DURATION)])
def test_no_figure_rolls_over(figure, said):
    assert {number: figure(number) for number in said} == said


@given(st.integers(0, 10**12))
@example(999_999)
def test_a_short_number_is_the_number_but_for_its_end(number):
    digits, unit = re.fullmatch(r"([\d.]+)([kM]?)", short(number)).groups()

    assert abs(float(digits) * {"": 1, "k": 1e3, "M": 1e6}[unit] - number) <= number * 0.06
    assert float(digits) < 1_000 or unit == "M"


@given(st.integers(0, 2**40))
@example(1_048_575)
def test_a_size_is_the_size_but_for_its_end(count):
    digits, unit = size(count).split()

    assert abs(float(digits) * 1_024 ** ["B", "KiB", "MiB", "GiB"].index(unit) - count) <= count * 0.06
    assert float(digits) < 1_024 or unit == "GiB"


@pytest.mark.parametrize(
    ("amount", "said"),
    {
        "0": "$0.00", "0.00000012": "$0.00000012", "0.000034": "$0.000034", "0.0009996": "$0.0010",
        "0.0012": "$0.0012", "0.09994": "$0.0999", "0.09995": "$0.10", "9.81": "$9.81", "1234.5": "$1,234.50",
    }.items(),
)  # fmt: skip
def test_what_costs_something_never_costs_nothing(amount, said):
    assert dollars(Decimal(amount)) == said


def test_less_than_nothing_by_a_little_is_nothing():
    assert share(-0.001) == "0%"
    assert share(-0.25) == "-25%"


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_writes_them_alike(chromium):
    script = asset("script/figures.js")
    tab = chromium.new_page()
    for name, said in (("short", SHORT), ("size", SIZE), ("duration", DURATION)):
        written = tab.evaluate(f"() => {{ {script} return {json.dumps(list(said))}.map({name}); }}")

        assert written == list(said.values())
    tab.close()
