"""Axes that read well: round times, round dollars, room for the words beside a bar."""

from __future__ import annotations

import math

import altair as alt

from ampmetrics.charts.frame import count_text, duration_text

__all__ = ["count_axis", "dollar_axis", "log_scale", "room", "time_axis", "up_to"]

_STEPS_SEC = (
    0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400,
    43200,
)  # fmt: skip


def time_axis(longest_ms: float) -> tuple[alt.Axis, alt.Scale]:
    """Axis of milliseconds with ticks at round times, and its scale from 0."""
    wanted = max(longest_ms, 1) / 1000 / 6
    step = next((s for s in _STEPS_SEC if s >= wanted), 86_400 * math.ceil(wanted / 86_400)) * 1000
    last = max(1, math.ceil(longest_ms / step - 1e-9))
    # `2 m` and `2 s`, not `2 m 00 s` and `2.0 s`.
    text = f"replace(replace({duration_text('datum.value')}, regexp(' 00 .$'), ''), '.0 s', ' s')"
    axis = alt.Axis(
        values=[i * step for i in range(last + 1)],
        labelExpr=f"datum.value == 0 ? '0' : {text}",
        labelOverlap=True,
        labelSeparation=8,
    )
    return axis, alt.Scale(domain=[0, max(last * step, longest_ms)], nice=False)


def count_axis(low: float, high: float) -> alt.Axis:
    """Axis of counts with round ticks from low to high: `0`, `500`, `20 k`, `1.5 M`."""
    step = _round_step((high - low) / 5)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    whole = f"replace({count_text('abs(datum.value)')}, regexp('[.]0+ '), ' ')"
    plain = f"replace({whole}, regexp('([.][0-9]*[1-9])0+ '), '$1 ')"
    return alt.Axis(
        values=[i * step for i in range(first, last + 1)],
        labelExpr=f"abs(datum.value) < 9999.5 ? format(abs(datum.value), ',') : {plain}",
        labelOverlap=True,
        labelSeparation=10,
    )


def _round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20, … that is not below."""
    power = 10.0 ** math.floor(math.log10(max(least, 1)))
    return max(1.0, next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least))


def room(low: float, high: float, wide_px: float, narrow_px: float) -> alt.Scale:
    """Scale of bars from low to high that leaves so many pixels at the right for words."""
    pixels = f"(width < 420 ? {narrow_px:.0f} : {wide_px:.0f})"
    end = f"{low!r} + {high - low!r} / max(0.25, 1 - {pixels} / max(width, 1))"
    return alt.Scale(domainMin=low, domainMax=alt.expr(end), nice=False)


def dollar_axis(high: float) -> tuple[alt.Axis, alt.Scale]:
    """Axis of dollars from 0 with ticks at round sums, and its scale."""
    high = max(high, 1e-9) if high else 1.0
    power = 10.0 ** math.floor(math.log10(high / 5))
    step = next(digit * power for digit in (1, 2, 5, 10) if digit * power * 5 >= high)
    last = max(1, math.ceil(high / step - 1e-9))
    digits = max(2, -math.floor(math.log10(step)))
    axis = alt.Axis(
        values=[i * step for i in range(last + 1)],
        format=f"$,.{digits}f",
        labelOverlap=True,
        labelSeparation=8,
    )
    return axis, alt.Scale(domain=[0, last * step], nice=False)


def up_to(axis: alt.Axis, high: float) -> alt.Axis:
    """The axis without ticks beyond: the words at the end of a bar stand there."""
    axis["values"] = [tick for tick in axis["values"] if tick <= high]
    return axis


def log_scale(low: float, high: float) -> tuple[alt.Axis, alt.Scale]:
    """Axis and scale of dollars by powers of ten, with ticks at 1, 2 and 5 of each."""
    ticks = [
        digit * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digit in (1, 2, 5)
    ]
    start = max(tick for tick in ticks if tick <= low)
    end = min((tick for tick in ticks if tick >= high), default=high)
    axis = alt.Axis(
        values=[tick for tick in ticks if start <= tick <= end],
        labelExpr="format(datum.value, datum.value >= 1 ? '$,.0f'"
        " : datum.value >= 0.01 ? '$.2f' : '$,.6~f')",
    )
    return axis, alt.Scale(type="log", domain=[start, end], nice=False)
