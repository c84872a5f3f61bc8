"""One number → how it is written; null is `unknown`, never 0, and so is NaN. Pure functions.

`charts.frame` says the same of what is not negative in Vega's expressions, for what is written
inside a chart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from functools import wraps

__all__ = ["UNKNOWN", "count", "duration", "number", "probability", "rate", "times", "usd"]

UNKNOWN = "unknown"


def _written(write: Callable[[float], str]) -> Callable[[float | Decimal | None], str]:
    @wraps(write)
    def written(value: float | Decimal | None) -> str:
        if value is None or math.isnan(value):
            return UNKNOWN
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        text = write(abs(float(value)))
        if value >= 0:
            return text
        return {"<": ">−", ">": "<−"}.get(text[0], f"−{text[0]}") + text[1:]

    return written


@_written
def duration(ms: float) -> str:
    """Milliseconds → `240 ms`, `1.2 s`, `42 s`, `1 m 04 s`, `1 h 02 m`."""
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 9_950:
        return f"{ms / 1000:.1f} s"
    if ms < 59_500:
        return f"{ms / 1000:.0f} s"
    if ms < 3_599_500:
        minutes, seconds = divmod(_round(ms / 1000), 60)
        return f"{minutes} m {seconds:02d} s"
    hours, minutes = divmod(_round(ms / 60_000), 60)
    return f"{hours:,} h {minutes:02d} m"


@_written
def usd(dollars: float) -> str:
    """Dollars → `$0.0123`, `$12.30`, `$1,234.50`; `<$0.0001` where less would be written as 0."""
    if 0 < dollars < 0.00005:
        return "<$0.0001"
    if 0 < dollars < 0.99995:
        return f"${dollars:.4f}"
    return f"${dollars:,.2f}"


@_written
def count(n: float) -> str:
    """A number of things → `9,999`, `12.3 k`, `4.56 M`: three digits from ten thousand on."""
    if n < 9_999.5:
        return f"{n:,.0f}"
    for scale, unit in ((1e3, "k"), (1e6, "M")):
        if n < 999.5 * scale:
            part = n / scale
            return f"{part:.{2 if part < 9.995 else 1 if part < 99.95 else 0}f} {unit}"
    return f"{n / 1e9:,.2f} G"


@_written
def rate(part: float) -> str:
    """0 to 1 → `85%`, `7.5%`; never `0%` or `100%` where it is not exactly that."""
    percent = part * 100
    if 0 < percent < 0.05:
        return "<0.1%"
    if 99.95 <= percent < 100:
        return ">99.9%"
    if 0 < percent < 9.95 or 99.5 <= percent < 100:
        return f"{percent:.1f}%"
    return f"{_round(percent)}%"


@_written
def probability(p: float) -> str:
    """0 to 1 → `0.034`, `<0.0001`: a p-value, with two digits."""
    return f"{p:.2g}" if p >= 0.0001 else "<0.0001"


@_written
def times(ratio: float) -> str:
    """How many times as much → `0.572`, `1.5`, `1,500`: three digits, and all before the point."""
    return f"{ratio:,.0f}" if ratio >= 999.5 else f"{ratio:.3g}"


def number(n: float | Decimal) -> str:
    """Any number → `1,234`, `1,234.50`: the digits that it has, of a float two."""
    return _float(n) if isinstance(n, float) else f"{n:,}".replace("-", "−", 1)


@_written
def _float(n: float) -> str:
    return f"{n:,.2f}" if n >= 0.005 or n == 0 else f"{n:.2g}"


def _round(x: float) -> int:
    # As Vega's round does, half up: a chart and a table must not differ by a second.
    return int(x + 0.5)
