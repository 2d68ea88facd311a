"""Numbers as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

_MINUTE, _HOUR = 60, 3600
_THOUSAND, _MILLION = 1_000, 1_000_000
_KIB = 1024


def duration(seconds: float) -> str:
    """`340 ms`, `2.1 s`, `1 min 21 s`, `2 h 5 min`."""
    if seconds < 0.9995:  # noqa: PLR2004  what rounds to a second is one
        return f"{round(seconds * 1000)} ms"
    if seconds < _MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def short(number: int) -> str:
    """`875`, `1.6k`, `17k`, `12.5M`."""
    if number < _THOUSAND:
        return str(number)
    if number < 9_950:  # noqa: PLR2004  the first that rounds to 10k
        return f"{number / _THOUSAND:.1f}k"
    if number < _MILLION - 500:
        return f"{number / _THOUSAND:.0f}k"
    return f"{number / _MILLION:.1f}M"


def size(count: int) -> str:
    """`108 B`, `3.0 KiB`, `1.2 MiB`, `2.0 GiB`, of bytes."""
    if count < _KIB:
        return f"{count} B"
    scaled = float(count)
    for unit in ("KiB", "MiB"):
        scaled /= _KIB
        if scaled < _KIB - 0.05:
            return f"{scaled:.1f} {unit}"
    return f"{scaled / _KIB:.1f} GiB"


def share(value: float) -> str:
    """`93%`."""
    return f"{round(value * 100)}%"


def dollars(amount: Decimal) -> str:
    """`$9.81`; four digits of what is less than ten cents, `$0.0120`; two that count of less, `$0.000034`."""
    if not amount or amount >= Decimal("0.09995"):
        return f"${amount:,.2f}"
    return f"${amount:.4f}" if amount >= Decimal("0.001") else f"${Decimal(f'{amount:.1e}'):f}"


def moment(seconds: float) -> str:
    """`2026-11-24 09:41 UTC`; "" where there is no time."""
    if not seconds:
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return ""


def plural(number: int, what: str) -> str:
    """`1 step`, `14 steps`."""
    return f"{number:,} {what if number == 1 else what + 's'}"
