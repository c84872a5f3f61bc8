"""What every chart makes of the frame that it is given, before it looks at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import polars as pl
from polars import selectors

from ampmetrics.charts.frame import Chart

__all__ = ["from_frame"]

_Given = ParamSpec("_Given")
_COUNTS = {"lines", "n", "net", "tokens", "trial"}
_MEASURES = {"ci", "confidence", "difference", "mean", "ms", "p", "power", "rate", "ratio", "usd"}
"""Words in the names of columns of numbers."""
_FLAGS = {"cost_at_least", "success"}


def from_frame(draw: Callable[_Given, Chart]) -> Callable[_Given, Chart]:
    """A chart function that takes what is not finite as null, and a null column of any type.

    An interval of which one end is null is none.
    """

    @wraps(draw)
    def drawn(*args: _Given.args, **kwargs: _Given.kwargs) -> Chart:
        named: dict[str, Any] = {name: _read(value) for name, value in kwargs.items()}
        return draw(*map(_read, args), **named)

    return drawn


def _read(value: Any) -> Any:
    if not isinstance(value, pl.DataFrame):
        return value
    floats = selectors.float()
    known = value.with_columns(
        pl.when(floats.is_finite()).then(floats),
        *[pl.col(name).cast(_type(name)) for name, kind in value.schema.items() if kind == pl.Null],
    )
    for ends in (("ci_low", "ci_high"), ("ratio_low", "ratio_high")):
        if set(ends) <= set(known.columns):
            whole = pl.all_horizontal(pl.col(ends).is_not_null())
            known = known.with_columns(pl.when(whole).then(pl.col(ends)))
    return known


def _type(name: str) -> type[pl.DataType]:
    """What a column would hold that has no type, as it holds nothing."""
    if name in _FLAGS:
        return pl.Boolean
    words = set(name.split("_"))
    return pl.Int64 if _COUNTS & words else pl.Float64 if _MEASURES & words else pl.String
