"""Charts: valid, described, honest about what is unknown and left out, safe with any name."""

from __future__ import annotations

import functools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import altair as alt
import duckdb
import polars as pl
import pytest
import vl_convert
from hostile import CASES, SCRIPT, VARIANTS, write_hostile_run

from ampmetrics import aggregates, charts, theme
from ampmetrics.charts import frame as shared
from ampmetrics.reports import format as written
from ampmetrics.tables import connect

Connection = duckdb.DuckDBPyConnection
DRAWN: dict[str, Callable[[Connection], Any]] = {
    "outcomes": lambda con: charts.outcomes(aggregates.trials(con)),
    "pass_rate": lambda con: charts.pass_rate(aggregates.outcomes(con)),
    "pass_rate by variant": lambda con: charts.pass_rate(aggregates.outcomes(con, ["variant"])),
    "pass_rate by model": lambda con: charts.pass_rate(aggregates.outcomes(con, ["model"])),
    "pass_rate with intervals": lambda con: charts.pass_rate(aggregates.pass_rate(con)),
    "failures": lambda con: charts.failures(aggregates.failures(con)),
    "failures by variant": lambda con: charts.failures(
        aggregates.failures(con, ["outcome", "case_id", "variant"])
    ),
    "time_and_cost": lambda con: charts.time_and_cost(aggregates.trials(con)),
    "time_spent": lambda con: charts.time_spent(aggregates.time_spent(con)),
    "cost by case": lambda con: charts.cost(aggregates.cost(con, ["case_id", "variant"])),
    "cost by day": lambda con: charts.cost(aggregates.cost(con, ["day", "model"])),
    "tokens by day": lambda con: charts.tokens(aggregates.tokens(con, ["day"])),
    "sessions": lambda con: charts.sessions(aggregates.sessions(con)),
    "iterations": lambda con: charts.iterations(aggregates.iterations(con)),
    "edit_loops": lambda con: charts.edit_loops(aggregates.edit_loops(con)),
    "tokens": lambda con: charts.tokens(aggregates.tokens(con)),
    "tokens by case": lambda con: charts.tokens(aggregates.tokens(con, ["case_id", "variant"])),
    "tool_usage": lambda con: charts.tool_usage(aggregates.tool_usage(con)),
    "tool_usage by variant": lambda con: charts.tool_usage(
        aggregates.tool_usage(con, ["tool_name", "variant"])
    ),
    "file_edits": lambda con: charts.file_edits(aggregates.file_edits(con)),
    "file_edits by variant": lambda con: charts.file_edits(
        aggregates.file_edits(con, ["path", "variant"])
    ),
    "timeline": lambda con: charts.timeline(aggregates.timeline(con, session(con))),
}
COMPARED: dict[str, Callable[[Connection], Any]] = {
    "compare": lambda con: charts.compare(aggregates.compare(con, *sides(con)), *sides(con)),
    "paired_cases": lambda con: charts.paired_cases(
        aggregates.paired_cases(con, *sides(con)), *sides(con)
    ),
    "power_curve": lambda con: charts.power_curve(aggregates.power_curve(con, *sides(con))),
}
every_chart = pytest.mark.parametrize("name", [*DRAWN, *COMPARED])
NAMELESS = {
    "compare",
    "iterations",
    "pass_rate by model",
    "power_curve",
    "sessions",
    "tokens by day",
}
"""Those whose rows hold no name that is hostile."""


def drawn(name: str, con: Connection) -> dict[str, Any]:
    """The chart's specification, after Altair's own validation."""
    spec: dict[str, Any] = (DRAWN | COMPARED)[name](con).to_dict()
    return spec


draw = functools.cache(drawn)
"""The same, drawn once for all tests; they leave it as it is."""


@functools.cache
def sides(con: Connection) -> list[str]:
    """The two variants there are."""
    return sorted(aggregates.trials(con)["variant"].unique())


def session(con: Connection) -> str:
    return next(iter(aggregates.trials(con)["session_id"].drop_nulls()), "none")


@pytest.fixture(scope="module")
def sample(sample_run: Path) -> Iterator[Connection]:
    with closing(connect(sample_run)) as con:
        yield con


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with closing(connect(write_hostile_run(tmp_path_factory.mktemp("hostile")))) as con:
        yield con


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    file = tmp_path_factory.mktemp("nothing") / "none.jsonl"
    file.touch()
    with closing(connect(file)) as con:
        yield con


def rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """All rows of data in a chart."""
    return [row for data in spec.get("datasets", {}).values() for row in data]


def small_print(spec: dict[str, Any]) -> str:
    return " ".join(spec["title"]["subtitle"])


def texts(spec: dict[str, Any], version: str | None = None) -> str:
    """The chart as SVG: that it can be drawn, and what is written in it."""
    return vl_convert.vegalite_to_svg(spec, vl_version=version)


@every_chart
def test_a_chart_is_valid_titled_and_described(sample: Connection, name: str) -> None:
    spec = draw(name, sample)
    assert spec["title"]["text"]
    assert re.search(r"\d", small_print(spec)) or name == "outcomes"
    assert re.search(r"\d", spec["description"])
    assert spec["width"] == theme.WIDTH
    assert spec["height"] > 0
    # What only a whole chart may say would keep it out of a chart of charts.
    assert not {"usermeta", "autosize"} & set(spec)
    assert "<path" in texts(spec)


@every_chart
def test_jupyterlab_can_draw_it(sample: Connection, name: str) -> None:
    # Its Vega-Lite is a version 5; 5.8 is the oldest that we can ask here.
    schema = "https://vega.github.io/schema/vega-lite/v5.8.json"
    spec = {**draw(name, sample), "$schema": schema}
    assert "<path" in texts(spec, "5.8")


def drawings(chart: Any) -> Counter[str]:
    """What is drawn of a chart as a notebook shows it, each with its place in its plot."""
    svg = texts(chart._repr_mimebundle_()[theme.VEGA_MIME])
    told = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", svg)
    return Counter(re.findall(r"<(?:path|text|line)\b[^>]*>[^<]*", told))


@every_chart
def test_beside_another_it_looks_as_it_does_alone(
    sample: Connection, enabled: None, name: str
) -> None:
    chart = (DRAWN | COMPARED)[name](sample)
    scale = alt.Scale(domain=["a", "b"], range=["#112233", "#445566"])
    own = alt.Chart(pl.DataFrame({"n": [1, 2], "part": ["a", "b"]})).mark_bar()
    other = own.encode(x="n", color=alt.Color("part", scale=scale))
    alone, together = drawings(chart), drawings(chart & other)
    assert not alone - together
    assert together.total() > alone.total()


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_to_draw_says_so(nothing: Connection, name: str) -> None:
    spec = draw(name, nothing)
    (row,) = rows(spec)
    assert re.match(r"(There are no|No) ", row["reason"])
    assert row["reason"] in spec["description"]
    assert row["reason"] in texts(spec)


@every_chart
def test_any_name_is_only_a_name(hostile: Connection, name: str) -> None:
    spec = draw(name, hostile)
    svg = texts(spec)
    assert "<script" not in svg
    assert "<img" not in svg
    named = json.dumps(rows(spec))
    hostile_names = (
        json.dumps(part)[1:-1] for part in (SCRIPT, "src/<img", "{{tool}}", "No file was edited")
    )
    assert any(part in named for part in hostile_names) or name in NAMELESS


@every_chart
def test_a_chart_holds_only_what_it_draws(hostile: Connection, name: str) -> None:
    spec = draw(name, hostile)
    for row in rows(spec):
        assert not {"session_id", "run_id", "agent", "file"} & set(row)
        assert all(len(value) <= 210 for value in row.values() if isinstance(value, str))


@every_chart
def test_the_same_frame_gives_the_same_chart(hostile: Connection, name: str) -> None:
    assert drawn(name, hostile) == draw(name, hostile)


NEVER_NULL = {"confidence", "is_design", "metric", "power"}
"""Of a comparison; nor is a number of what is compared."""


@pytest.mark.parametrize(
    "name", [name for name in [*DRAWN, *COMPARED] if not re.search(" by (case|model|var)", name)]
)
def test_what_is_no_number_or_has_no_type_is_as_null(
    sample: Connection, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Any, ...]] = []
    for each in charts.__all__:
        monkeypatch.setattr(charts, each, functools.partial(lambda *g: given.append(g), each))
    (DRAWN | COMPARED)[name](sample)
    monkeypatch.undo()
    ((function, frame, *names),) = given

    def draw(**values: pl.Expr) -> Any:
        return getattr(charts, function)(frame.with_columns(**values), *names)

    floats = [column for column, kind in frame.schema.items() if kind.is_float()]
    floats = [column for column in floats if column not in NEVER_NULL]
    for column in frame.columns:
        if column in NEVER_NULL or (name in COMPARED and column.startswith("n_")):
            continue
        draw(**{column: pl.lit(None)})
        if column in floats:
            draw(**{column: pl.lit(math.nan)})
    for column in floats[:1]:
        null, *others = (
            draw(**{column: pl.lit(value)}).to_json(validate=False)
            for value in (None, math.nan, math.inf)
        )
        assert others == [null, null]


def test_every_outcome_has_its_tile(hostile: Connection) -> None:
    trials = aggregates.trials(hostile)
    spec = charts.outcomes(trials).to_dict()
    tiles = rows(spec)
    assert len(tiles) == trials.height == 16
    assert {tile["label"] for tile in tiles} >= {"✓ passed", "✕ failed", "… unfinished"}
    assert {tile["case_id"] for tile in tiles} == set(CASES)
    assert "1 trial never ended." in small_print(spec)
    assert "The time of 1 trial is unknown." in small_print(spec)
    places = {(tile["case_id"], tile["left"]) for tile in tiles}
    assert len(places) == len(tiles)


def test_cases_that_pass_least_often_stand_first(sample: Connection) -> None:
    grid = charts.outcomes(aggregates.trials(sample)).to_dict()
    bars = charts.pass_rate(aggregates.outcomes(sample)).to_dict()
    order = grid["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert order == bars["layer"][0]["encoding"]["y"]["scale"]["domain"]
    rates = dict(
        aggregates.outcomes(sample, ["case_id"]).select("case_id", "pass_rate").iter_rows()
    )
    assert [rates[case] for case in order] == sorted(rates.values())
    said = "16 trials of 8 cases. Cases that pass least often stand first."
    assert said in small_print(grid)
    assert "k of n, without an interval. What passes least often stands first." in small_print(bars)
    assert "csv-quoting, high 1 of 1; csv-quoting, low 0 of 1; " in bars["description"]
    assert bars["description"].endswith("; and 4 more.")


def test_unknown_cost_is_not_drawn_and_counted(hostile: Connection) -> None:
    spec = charts.time_and_cost(aggregates.trials(hostile)).to_dict()
    points = [row for row in rows(spec) if "cost_usd" in row]
    assert all(point["cost_usd"] > 0 for point in points)
    assert {point["variant"] for point in points} == {VARIANTS[0]}
    assert "8 trials not drawn: time or cost unknown." in small_print(spec)


def test_a_lower_bound_is_called_one(sample: Connection) -> None:
    trials = aggregates.trials(sample).with_columns(cost_at_least=pl.lit(value=True))
    spec = charts.time_and_cost(trials).to_dict()
    assert "15 costs are too low: not every request has a price or is visible." in small_print(spec)
    assert "at least " in json.dumps(spec)
    exact = charts.time_and_cost(trials.with_columns(cost_at_least=pl.lit(value=False))).to_dict()
    assert "too low" not in small_print(exact)
    grid = charts.outcomes(trials).to_dict()
    assert "datum.cost_at_least" in json.dumps(grid["layer"])


def test_costs_of_nobody_say_so(sample: Connection) -> None:
    trials = aggregates.trials(sample).with_columns(cost_usd=pl.lit(None, pl.Float64))
    spec = charts.time_and_cost(trials).to_dict()
    assert "The time or the cost of 16 trials is unknown." in spec["description"]


def test_a_cost_of_zero_is_a_point(sample: Connection) -> None:
    trials = aggregates.trials(sample).with_columns(cost_usd=pl.lit(0.0))
    assert "<path" in texts(charts.time_and_cost(trials).to_dict())


def test_tokens_of_no_kind_stand_apart(hostile: Connection) -> None:
    spec = charts.tokens(aggregates.tokens(hostile, ["case_id", "variant"])).to_dict()
    parts = [row for row in rows(spec) if "kind" in row]
    sums = {word: sum(row["n"] for row in parts if row["kind"] == word) for word in
            {row["kind"] for row in parts}}  # fmt: skip
    assert sums == {
        "input from cache": 8 * 900,
        "uncached input": 8 * 100,
        "input, kind unknown": 8 * 1000,
        "output": 16 * 10,
    }


def test_requests_without_tokens_are_counted(sample: Connection) -> None:
    frame = aggregates.tokens(sample).with_columns(
        n_unknown=pl.lit(2), n_sums=pl.lit(1), n_not_visible=pl.lit(1)
    )
    said = small_print(charts.tokens(frame).to_dict())
    assert "102 requests and 3 sums of many requests" in said
    assert "6 of them did not say theirs." in said
    assert "3 calls with requests that are not visible." in said


def test_calls_add_up_and_those_without_a_result_are_no_failures(hostile: Connection) -> None:
    frame = aggregates.tool_usage(hostile)
    spec = charts.tool_usage(frame).to_dict()
    parts = {(row["row"], row["part"]): row["n"] for row in rows(spec) if "part" in row}
    assert parts == {
        (SCRIPT, "succeeded"): 8,
        (SCRIPT, "failed calls"): 8,
        ("{{tool}}", "not known"): 16,
    }
    assert "32 calls; of the 16 whose result is known 8 failed." in small_print(spec)
    assert "Of 16 calls the result is not known." in small_print(spec)


def test_what_is_no_variant_uses_up_no_colour_of_one(
    sample: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given in ("_assigned", "_others"):
        monkeypatch.setattr(theme.looks, given, {})
    whole = aggregates.cost(sample, ["day", "model"]).drop("model").head(1)
    costs = pl.concat(whole.with_columns(model=pl.lit(name)) for name in ("low", "x", "y"))
    models = colours_of(charts.cost(costs))
    # Each of its own, and the same in another chart.
    assert len(set(models.values())) == 3
    assert colours_of(charts.cost(costs.tail(2))) == {name: models[name] for name in ("x", "y")}
    each = aggregates.sessions(sample)
    # What is drawn before, a status of iterations, is no agent.
    charts.iterations(aggregates.iterations(sample))
    assert {what for what, _ in theme.looks._others} == {"model"}
    agents = colours_of(charts.sessions(pl.concat([each, each.with_columns(agent=pl.lit("x"))])))
    assert len(agents) == 2
    assert not set(agents.values()) & set(models.values())
    spec = charts.tool_usage(aggregates.tool_usage(sample)).to_dict()
    first = [shared.colour(shade) for shade in theme.SERIES[:2]]
    assert list(theme.variant_colours(["high", "low"]).values()) == first
    by_variant = pl.concat(whole.with_columns(variant=pl.lit(name)) for name in ("high", "low"))
    assert colours_of(charts.cost(by_variant)) == dict(zip(("high", "low"), first, strict=True))
    tint = spec["layer"][0]["encoding"]["color"]["scale"]
    assert dict(zip(tint["domain"], tint["range"], strict=True))["succeeded"] == shared.colour(
        "plain"
    )


def colours_of(chart: Any) -> dict[str, str]:
    """The words of a chart of columns, each with its colour."""
    spec = chart.to_dict()
    tint = spec.get("layer", [spec])[0]["encoding"]["color"]["scale"]
    return dict(zip(tint["domain"], tint["range"], strict=True))


@pytest.mark.parametrize(
    "name",
    ["pass_rate by model", "failures", "time_spent", "sessions", "iterations", "edit_loops",
     "tokens", "tokens by day", "tool_usage", "timeline", "compare", "power_curve"],
)  # fmt: skip
def test_what_is_no_variant_is_in_the_colour_of_none(sample: Connection, name: str) -> None:
    # Without the theme, which other tests may have switched on.
    spec = json.dumps({**draw(name, sample), "config": None})
    used = [shade for shade in theme.SERIES if shared.colour(shade) in spec]
    assert not used


def test_edits_by_the_ending_of_a_file(sample: Connection) -> None:
    spec = charts.file_edits(aggregates.file_edits(sample, ["extension"])).to_dict()
    named = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert {"py", "md", "none"} <= set(named)
    assert "File's ending" in json.dumps(spec)


def test_binary_files_have_no_lines_rather_than_none(hostile: Connection) -> None:
    spec = charts.file_edits(aggregates.file_edits(hostile)).to_dict()
    assert not [row for row in rows(spec) if row["row"] == "logo.png" and row.get("n") is not None]
    assert "15 edits of binary files: no lines." in small_print(spec)
    assert ">binary<" in texts(spec)


def edits(**values: Any) -> pl.DataFrame:
    """A frame as `aggregates.file_edits` returns it, of one path."""
    row: dict[str, Any] = {
        "path": "a.py", "n_edits": 3, "n_created": 0, "n_modified": 3, "n_deleted": 0,
        "n_renamed": 0, "n_binary": 0, "lines_added": 30, "lines_deleted": 20, "n_net": 1,
        "net_added": 11, "net_deleted": 4, "n_without_net": 0,
    }  # fmt: skip
    return pl.DataFrame([row | values], infer_schema_length=None).cast(
        {pl.Null: pl.Int64, pl.Int32: pl.Int64}
    )


def test_lines_are_net_and_the_edits_stand_beside_them() -> None:
    spec = charts.file_edits(edits()).to_dict()
    assert {row["side"]: row["n"] for row in rows(spec) if "side" in row} == {
        "lines added": 11,
        "lines deleted": -4,
    }
    assert "3 edits added 30 lines and deleted 20." in small_print(spec)
    assert ">+11 −4<" in texts(spec)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"n_net": 0, "net_added": 0, "net_deleted": 0}, "undone"),
        ({"net_added": None, "net_deleted": None}, "binary"),
        ({"n_net": None, "net_added": None, "net_deleted": None, "n_without_net": 3}, "unknown"),
    ],
)
def test_what_has_no_net_lines_says_why(values: dict[str, Any], word: str) -> None:
    frame = pl.concat([edits(), edits(path="b.py", **values)], how="vertical_relaxed")
    spec = charts.file_edits(frame).to_dict()
    assert f">{word}<" in texts(spec)
    assert ("Of 3 edits it is not known what was left." in small_print(spec)) == (word == "unknown")


def test_where_nothing_net_is_known_the_edits_are_drawn_and_it_is_said() -> None:
    frame = edits(n_net=None, net_added=None, net_deleted=None, n_without_net=3)
    spec = charts.file_edits(frame).to_dict()
    assert "what was left is not known" in small_print(spec)
    assert ">+30 −20<" in texts(spec)


def test_a_call_that_never_ended_is_a_mark_and_no_bar(hostile: Connection) -> None:
    spec = charts.timeline(aggregates.timeline(hostile, session(hostile))).to_dict()
    assert "Of 1 call the end is not known." in small_print(spec)
    (call,) = [row for row in rows(spec) if row["end_ms"] is None]
    assert call["result"] == "not known"
    assert spec["layer"][0]["transform"][-1] == {"filter": "isValid(datum.end_ms)"}


def test_no_verdict_is_no_bar(sample: Connection) -> None:
    frame = aggregates.outcomes(sample).with_columns(
        n_passed=pl.lit(0), n_verdicts=pl.lit(0), pass_rate=pl.lit(None, pl.Float64)
    )
    spec = charts.pass_rate(frame).to_dict()
    assert all(row["pass_rate"] is None for row in rows(spec))
    # A layer without a value makes Vega warn on the console.
    assert "pass_rate" not in [
        layer["encoding"].get("x", {}).get("field") for layer in spec["layer"]
    ]
    assert "16 trials without one left out." in small_print(spec)
    assert "none of 1 judged" in texts(spec)


def test_one_variant_and_a_null_one(sample: Connection) -> None:
    trials = aggregates.trials(sample).with_columns(variant=pl.lit(None, pl.String))
    for draw in (charts.outcomes, charts.time_and_cost):
        assert "not named" in texts(draw(trials).to_dict())


def test_thousands_of_trials_are_cut_and_said(sample: Connection) -> None:
    trials = aggregates.trials(sample)
    many = pl.concat(
        trials.with_columns(run_id=pl.lit(f"r{i}"), case_id=pl.col("case_id") + f"-{i % 20}")
        for i in range(500)
    )
    assert many.height == 8000
    grid = charts.outcomes(many).to_dict()
    assert len(rows(grid)) <= 5000
    passed = dict(many.group_by("case_id").agg(pl.col("success").mean()).rows())
    first = {row["case_id"] for row in rows(grid)}
    assert max(passed.pop(case) for case in first) <= min(passed.values())
    cut = f"among them all of {len(passed)} cases that passed at least as often."
    assert re.search(rf"[\d,]+ trials of 8,000 left out for want of room, {cut}", small_print(grid))
    scatter = charts.time_and_cost(many).to_dict()
    assert len(rows(scatter)) <= 4000
    assert re.search(r"One trial in \d of [\d,]+ is drawn", small_print(scatter))


def test_many_rows_are_cut_and_said(sample: Connection) -> None:
    frame = aggregates.tool_usage(sample)
    many = pl.concat(
        [frame.with_columns(pl.lit(f"tool {i:03}").alias("tool_name")) for i in range(99)]
    )
    spec = charts.tool_usage(many).to_dict()
    assert len({row["row"] for row in rows(spec)}) == 30
    assert "The first 30 of 99 tools are drawn." in small_print(spec)
    calls, failed = many["n_calls"].sum(), many["n_failed"].sum()
    assert spec["description"].endswith(
        f"30 of 99 rows: {calls:,} calls, {failed:,} failed in all."
    )
    one = charts.tool_usage(frame.head(1)).to_dict()
    assert re.search(r" 1 row: [\d,]+ calls, \d+ failed\.$", one["description"])
    path = pl.concat([edits(path=f"{i:02}.py") for i in range(31)])
    assert (
        charts.file_edits(path)
        .to_dict()["description"]
        .endswith("30 of 31 rows: 341 added, 124 deleted in all.")
    )
    reasons = [{"reason": f"{i:02}", "n_trials": 2, "n_verdicts": 2} for i in range(31)]
    assert (
        charts.failures(pl.DataFrame(reasons))
        .to_dict()["description"]
        .endswith("that did not pass, 30 of 31 rows: 62 trials in all.")
    )


def test_a_variant_has_one_colour_in_every_chart(sample: Connection) -> None:
    found = set()
    for name in ("pass_rate", "time_and_cost", "tool_usage by variant", "cost by case"):
        spec = json.dumps(draw(name, sample))
        for scale in re.findall(r'"scale": (\{"domain": \["high"[^}]*"range"[^}]*\})', spec):
            parsed = json.loads(scale)
            found.add((parsed["domain"][0], parsed["range"][0]))
    assert len(found) == 1


NUMBERS: dict[str, tuple[Callable[[str], str], Callable[..., str], list[float | None]]] = {
    "duration": (shared.duration_text, written.duration, [
        None, 0, 0.4, 7, 999.4, 999.6, 1234, 9949, 9951, 42_400, 59_499, 59_600, 64_000, 119_600,
        3_599_400, 3_599_600, 3_725_000, 90_061_000,
    ]),
    "usd": (shared.usd_text, written.usd, [
        None, 0, 0.00001, 0.00012, 0.0123, 0.5, 0.99994, 0.99996, 1, 12.3, 1234.5,
    ]),
    "count": (shared.count_text, written.count, [
        None, 0, 1, 999, 9_999, 9_999.6, 12_345, 99_949, 99_951, 123_456, 999_499, 999_501,
        4_560_000, 45_600_000, 456_000_000, 1_234_000_000,
    ]),
}  # fmt: skip


@pytest.mark.parametrize("kind", NUMBERS)
def test_charts_write_numbers_as_tables_do(kind: str) -> None:
    expression, write, values = NUMBERS[kind]
    spec = {
        "data": {"values": [{"i": i, "v": value} for i, value in enumerate(values)]},
        "transform": [{"calculate": expression("datum.v"), "as": "said"}],
        "mark": "text",
        "encoding": {"y": {"field": "i", "axis": None}, "text": {"field": "said"}},
    }
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", texts(spec))
    assert [text.replace("&lt;", "<") for text in drawn] == [write(value) for value in values]
