"""`python -m benchmarks.plot`: draw what `benchmarks.curve` kept, as SVG for the documentation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from pathlib import Path

from attrs import frozen

from benchmarks import curve
from benchmarks.curve import Curve

PICTURE = Path(__file__).parents[1] / "docs" / "assets" / "size.svg"


@frozen
class Style:
    """How a curve looks, and what it is called in the picture."""

    title: str
    colour: str
    dashes: str = ""


STYLES = {
    "raw": Style("raw", "#8a8f98", "2 4"),
    "cassetter": Style("cassetter", "#b3541e"),
    "vcrpy": Style("vcrpy", "#d98c1f"),
    "tracefork 1.0.0": Style("tracefork 1.0.0", "#7a5195"),
    "journal": Style("tracefork, recording", "#1f6feb"),
    "limit": Style("zstd -19 --long=31", "#3d444d", "7 4"),
    "sealed": Style("tracefork, sealed", "#1a7f37"),
}
WIDTH, HEIGHT = 880, 520
LEFT, RIGHT, TOP, BOTTOM = 84, 232, 56, 62
_GAP = 19  # between two names at the right


@frozen
class Axis:
    """A logarithmic axis from value `low` at pixel `start` to value `high` at pixel `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)


def svg(sizes: Curve) -> str:
    """Bytes against turns, both logarithmic. The picture brings its own light ground, for dark pages too."""
    shown = {name: sizes[name] for name in STYLES if name in sizes}
    turns = sorted({count for points in shown.values() for count in points})
    values = [size for points in shown.values() for size in points.values()]
    x = Axis(turns[0], turns[-1], LEFT, WIDTH - RIGHT)
    decades = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    y = Axis(10 ** decades[0], 10 ** decades[1], HEIGHT - BOTTOM, TOP)
    lines = [
        _OPENING.format(width=WIDTH, height=HEIGHT),
        *_grid(x, y, turns, decades),
        *(line for name, points in shown.items() for line in _curve(STYLES[name], points, x, y)),
        *_names(shown, y),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _grid(x: Axis, y: Axis, turns: list[int], decades: tuple[int, int]) -> Iterator[str]:
    for power in range(decades[0], decades[1] + 1):
        at = y(10**power)
        yield f'<path d="M{x.start:.0f} {at:.1f}H{x.end:.0f}" stroke="#d8dee4"/>'
        yield _text(x.start - 10, at + 4, _bytes(power), "end")
    for count in turns:
        yield f'<path d="M{x(count):.1f} {y.start:.0f}v5" stroke="#57606a"/>'
        yield _text(x(count), y.start + 21, f"{count:,}", "middle")
    yield f'<path d="M{x.start:.0f} {y.end:.0f}V{y.start:.0f}H{x.end:.0f}" stroke="#57606a" fill="none"/>'
    yield _text((x.start + x.end) / 2, HEIGHT - 14, "turns of the run", "middle")
    yield _text(
        x.start, TOP - 24, "bytes that are kept of a run whose history only grows", "start", bold=True
    )


def _curve(style: Style, points: dict[int, int], x: Axis, y: Axis) -> Iterator[str]:
    places = [(x(count), y(size)) for count, size in sorted(points.items())]
    path = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
    dashes = f' stroke-dasharray="{style.dashes}"' if style.dashes else ""
    yield f'<path d="{path}" stroke="{style.colour}" stroke-width="2.2" fill="none"{dashes}/>'
    for across, down in places:
        yield f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{style.colour}"/>'


def _names(shown: Curve, y: Axis) -> Iterator[str]:
    """The name and the last size of each curve, at the height of its end; close ones are moved apart."""
    ends = {name: max(points) for name, points in shown.items()}
    placed = float("-inf")
    for name in sorted(shown, key=lambda name: y(shown[name][ends[name]])):
        size = shown[name][ends[name]]
        placed = max(y(size), placed + _GAP)
        label = f"{STYLES[name].title}: {_amount(size)}" + (
            f" at {ends[name]:,}" if _short(name, ends) else ""
        )
        yield _text(WIDTH - RIGHT + 12, placed + 4, label, "start", STYLES[name].colour)


def _short(name: str, ends: dict[str, int]) -> bool:
    return ends[name] < max(ends.values())


def _text(x: float, y: float, words: str, anchor: str, colour: str = "#24292f", *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(words)}</text>'
    )


def _bytes(power: int) -> str:
    return f"{10 ** (power % 3)} {_UNITS[power // 3]}"


def _amount(size: int) -> str:
    power = int(math.log10(size)) // 3
    amount = size / 10 ** (3 * power)
    return f"{amount:.{0 if amount >= 100 else 1}f} {_UNITS[power]}"


_UNITS = ("B", "kB", "MB", "GB", "TB")
_OPENING = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"
 font-family="system-ui, sans-serif" font-size="13">
<title>Bytes that are kept of a run, by its number of turns</title>
<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>"""


def main() -> None:
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg(curve.kept()))
    print(PICTURE)


if __name__ == "__main__":
    main()
