"""Case by case: what one side passed and the other did not."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.frame import (
    UNNAMED,
    Chart,
    colour,
    framed,
    legend,
    nothing,
    number,
    ordered,
    picked,
    quoted,
)
from ampmetrics.charts.given import from_frame
from ampmetrics.theme import variant_colours

__all__ = ["flipped_cases", "paired_cases"]

_MOST = 40
_STEP = 22
_END = "(width - (width < 420 ? 70 : 118))"


@from_frame
def paired_cases(frame: pl.DataFrame, a: str = "A", b: str = "B") -> Chart:
    """A row a case with the pass rate of both sides, from `aggregates.paired_cases`.

    A ring is a, a dot is b, the line between them what changed. Cases that b lost stand first,
    those that it won last; where there are too many, those that differ most are drawn. Cases that
    are not compared are in no row: the subtitle counts them and says why. `a` and `b`: what the
    sides are called.
    """
    left = frame.drop_nulls("left_out").group_by("left_out").len().sort("left_out").rows()
    compared = frame.filter(pl.col("left_out").is_null())
    n_less, n_more = (int((compared["difference"] * sign > 0).sum()) for sign in (-1, 1))
    same = compared.height - n_less - n_more
    out = "; ".join(f"{n:,} {why}" for why, n in left)
    return _pairs(
        compared,
        "Case by case",
        [
            f"{number(compared.height, 'case')}: {b} passes {n_more:,} more often than {a}, "
            f"{n_less:,} less often, {same:,} the same.",
            f"Left out (A is {a}, B is {b}): {out}." if out else "",
        ],
        a,
        b,
        f"No case is compared. Left out: {out}." if out else "There are no cases.",
    )


@from_frame
def flipped_cases(frame: pl.DataFrame, a: str = "A", b: str = "B") -> Chart:
    """A row a case whose verdict differs, from `aggregates.flipped_cases`; as `paired_cases`."""
    n_less, n_more = (int((frame["difference"] * sign > 0).sum()) for sign in (-1, 1))
    return _pairs(
        frame.with_columns(
            pass_rate_a=pl.col("n_passed_a") / pl.col("n_verdicts_a"),
            pass_rate_b=pl.col("n_passed_b") / pl.col("n_verdicts_b"),
        ),
        "Cases whose verdict differs",
        [f"{number(frame.height, 'case')}: {b} passes {n_more:,} more often than {a}, "
         f"{n_less:,} less often."],
        a,
        b,
        "No case has another verdict.",
    )  # fmt: skip


def _pairs(frame: pl.DataFrame, title: str, small: list[str], a: str, b: str, none: str) -> Chart:
    if frame.is_empty():
        return nothing(title, none)
    rows = (
        frame.sort(pl.col("difference").abs(), "case_id", descending=[True, False])
        .head(_MOST)
        .sort("difference", "case_id")
        .select(
            pl.col("case_id").fill_null(UNNAMED), "pass_rate_a", "pass_rate_b", "n_passed_a",
            "n_verdicts_a", "n_passed_b", "n_verdicts_b", "difference",
        )
    )  # fmt: skip
    more = frame.height - rows.height
    return framed(
        _drawn(rows, a, b),
        title,
        [*small, f"{number(more, 'more case')} that differ less or not at all are not drawn."]
        if more
        else small,
        f"{title}, {number(rows.height, 'row')} of {b} against {a}. {small[0]}",
        _STEP * rows.height,
    )


def _drawn(rows: pl.DataFrame, a: str, b: str) -> alt.LayerChart:
    names = (a, b) if a != b else (f"{a} (A)", f"{b} (B)")
    tips = [
        alt.Tooltip("case_id:N", title="Case"),
        alt.Tooltip("of_a:N", title=names[0]),
        alt.Tooltip("of_b:N", title=names[1]),
        alt.Tooltip("difference:Q", title="Difference", format="+.1%"),
    ]
    y = alt.Y("case_id:N", title=None, scale=ordered(rows["case_id"].to_list(), padding=0.3))
    written = {"of_a": _of("a"), "of_b": _of("b"), "said": _SAID}
    base = alt.Chart(rows).transform_calculate(**written).encode(y=y, tooltip=tips)
    scale = alt.Scale(domain=[-0.03, 1.03], range=[0, alt.expr(_END)], nice=False)
    axis = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], title=None)
    line = (
        base.transform_filter("datum.difference != 0")
        .mark_rule(strokeWidth=2, color=colour("faint"), opacity=0.6)
        .encode(x=alt.X("pass_rate_a:Q", scale=scale, axis=axis), x2="pass_rate_b:Q")
    )
    text = base.mark_text(align="left", color=colour("soft")).encode(
        x=alt.value(alt.expr(f"{_END} + 12")), text="said:N"
    )
    choice, faded = picked("side", names)
    tint = alt.Scale(domain=names, range=list(variant_colours(names).values()))
    ring, dot = (
        base.transform_calculate(side=quoted([name]) + "[0]").encode(
            x=alt.X(f"pass_rate_{side}:Q", scale=scale, axis=axis),
            color=alt.Color("side:N", scale=tint, legend=legend(names)),
            opacity=faded,
        )
        for side, name in zip("ab", names, strict=True)
    )
    # A click on the legend is heard by the first layer that is in it.
    rings = ring.mark_point(size=150, strokeWidth=2.2, fill=colour("card")).add_params(choice)
    dots = dot.mark_point(size=62, filled=True)
    return alt.LayerChart(layer=[line, rings, dots, text])


def _of(side: str) -> str:
    """Vega expression: `2 of 3 passed`."""
    return f"datum.n_passed_{side} + ' of ' + datum.n_verdicts_{side} + ' passed'"


_SAID = (
    "(width < 420 ? datum.n_passed_a + '/' + datum.n_verdicts_a + ' → ' + datum.n_passed_b + '/'"
    " + datum.n_verdicts_b : datum.n_passed_a + ' of ' + datum.n_verdicts_a + '  →  '"
    " + datum.n_passed_b + ' of ' + datum.n_verdicts_b)"
)
