"""Reports: one file, nothing loaded, nothing run that is not ours, the failure kept and shown."""

from __future__ import annotations

import base64
import itertools
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import markdown_it
import nbformat
import polars as pl
import psutil
import pytest
from bs4 import BeautifulSoup
from hostile import ANSI, DIFF, IMAGE, SCRIPT
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from ampmetrics import aggregates, reports, theme
from ampmetrics.cli import report
from ampmetrics.errors import AmpMetricsError, BadInputError, CannotRunError, ReportFailedError
from ampmetrics.jsonl import trial_name
from ampmetrics.reports import outputs, vega
from ampmetrics.reports.exporter import PageExporter, page_of
from ampmetrics.reports.format import times
from ampmetrics.reports.markdown import markdown_of
from ampmetrics.reports.plain import plain
from ampmetrics.shipped import shipped

MADE = re.compile(r'<span id="_made">.*?</span>')
BUILT_IN = shipped("notebooks") / "benchmark_report.ipynb"


@pytest.fixture(scope="module")
def page(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the sample run."""
    return reports.build_report(sample_run, tmp_path_factory.mktemp("page") / "report.html")


def notebook(*cells: str, parameters: str = "paths: list = []") -> Any:
    """A notebook with a cell of parameters and these cells of code."""
    node = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "r", "language": "python",
                                                             "display_name": "R"}})  # fmt: skip
    node.cells = [nbformat.v4.new_code_cell(source) for source in (parameters, *cells)]
    node.cells[0].metadata["tags"] = ["parameters"]
    return node


@pytest.fixture
def run(sample_run: Path, tmp_path: Path) -> Callable[..., str]:
    """Builds a report of a notebook of these cells and returns the page."""

    def build(*cells: str, **options: Any) -> str:
        source = tmp_path / "a {notebook}.ipynb"
        nbformat.write(notebook(*cells), source)
        return reports.build_report(
            sample_run, tmp_path / "out.html", notebook=source, **options
        ).read_text()

    return build


# --- numbers and blocks -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (reports.duration, None, "unknown"),
        (reports.duration, 0, "0 ms"),
        (reports.duration, 1234, "1.2 s"),
        (reports.duration, 64_000, "1 m 04 s"),
        (reports.duration, 119_700, "2 m 00 s"),
        (reports.duration, 3_725_000, "1 h 02 m"),
        (reports.usd, None, "unknown"),
        (reports.usd, 0.0, "$0.00"),
        (reports.usd, 0.000001, "<$0.0001"),
        (reports.usd, 0.0123, "$0.0123"),
        (reports.usd, 1234.5, "$1,234.50"),
        (reports.count, None, "unknown"),
        (reports.count, 9999, "9,999"),
        (reports.count, 12_345, "12.3 k"),
        (reports.count, 4_560_000, "4.56 M"),
        (reports.rate, None, "unknown"),
        (reports.rate, 0.0, "0%"),
        (reports.rate, 1.0, "100%"),
        (reports.rate, 0.9999, ">99.9%"),
        (reports.rate, 0.0001, "<0.1%"),
        (reports.rate, 0.625, "63%"),
        (reports.rate, 0.075, "7.5%"),
        (reports.rate, -0.5, "−50%"),
        (reports.rate, -0.0004, ">−0.1%"),
        (reports.duration, -120_000, "−2 m 00 s"),
        (reports.usd, -0.00001, ">−$0.0001"),
        (reports.count, -20_000, "−20.0 k"),
        (times, 0.5718, "0.572"),
        (times, 1500.4, "1,500"),
    ],
)
def test_a_number_is_written(write: Callable[..., str], value: float | None, text: str) -> None:
    assert write(value) == text


def test_a_table_writes_by_name_escapes_and_says_unknown() -> None:
    frame = pl.DataFrame(
        {
            "case_id": ["a", SCRIPT],
            "outcome": ["passed", None],
            "agent_ms": [64_000.0, None],
            "cost_usd": [0.0123, None],
            "total_tokens": [12_345, None],
            "pass_rate": [0.5, None],
            "n_calls": [1234, None],
            "is_binary": [True, None],
            "started_at": [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None],
        }
    )
    html = str(reports.table(frame, caption=IMAGE).html)
    assert "<script" not in html
    assert "<img" not in html
    for text in ("1 m 04 s", "$0.0123", "12.3 k", "50%", "1,234", "✓</i> passed", "yes"):
        assert text in html
    assert html.count("aria-label=unknown") == 7
    assert "unfinished" in html
    assert "data-v=64000>" in html
    assert "title=12,345" in html


def test_a_column_of_nothing_but_unknown_numbers_stands_right() -> None:
    html = str(
        reports.table(pl.DataFrame({"cost_usd": [None]}, schema={"cost_usd": pl.Float64})).html
    )
    assert "<td class=am-num>" in html


NAMED = ["pass_rate", "agent_ms", "cost_usd", "p_value", "total_tokens", "timeout_sec", "n",
         "outcome", "variant", "case_id", "missing_files", "started_at"]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.permutations(NAMED), dataframes(max_cols=6, max_size=3))
def test_any_frame_is_a_table(names: list[str], frame: pl.DataFrame) -> None:
    """Decimals, NaN, infinite numbers, structs, bytes: whatever a frame holds and is called."""
    frame = frame.rename(dict(zip(frame.columns, names, strict=False)))
    flags = dict(itertools.pairwise(frame.columns))
    shown = BeautifulSoup(str(reports.table(frame, at_least=flags).html), "html.parser")
    assert len(shown.select("tbody tr")) == frame.height * bool(frame.width)


def test_what_is_no_number_is_unknown_and_a_decimal_is_a_number() -> None:
    """Sums of DuckDB are decimals, and 0 of 0 is NaN."""
    odd = pl.DataFrame({"total_tokens": [Decimal(123456)], "pass_rate": [math.nan],
                        "agent_ms": [math.inf], "n": [Decimal("1234.50")], "share": [0.0004],
                        "debt": [Decimal(-(10**29) - 1)]})  # fmt: skip
    cells = BeautifulSoup(str(reports.table(odd).html), "html.parser").select("td")
    assert [cell.text for cell in cells] == [
        "123 k",
        "—",
        "∞",
        "1,234.50",
        "0.0004",
        "−100," + ",".join(["000"] * 8) + ",001",
    ]
    assert cells[1].find(title="unknown")
    assert [cell.get("data-v") for cell in cells] == [
        "123456",
        None,
        "1e+308",
        "1234.50",
        "0.0004",
        "-1.00000000000e+29",
    ]


@pytest.mark.parametrize(
    ("texts", "by"),
    [
        (["5 of 5", "0 of 1"], [5, 0]),
        (["240 ms", "1.2 s", "1 m 04 s", "1 h 02 m"], [240, 1200, 64_000, 3_720_000]),
        (["9,999", "12.3 k", "4.56 M", "-3"], [9999, 12_300, 4_560_000, -3]),
        (["$0.0412", "0", "≥ $1.69"], [0.0412, 0, 1.69]),
        (["−25.0 points", "+3 points"], [-25, 3]),
        (["50%", ">−0.1%", "<−99.9%", "≥ 9.0%"], [50, -0.1, -99.9, 9]),
        (["2 hints", "3 hints"], [2, 3]),
        (["80.1 points", "$0.0412", "1.8 s", "9,999", "+3%", "<0.0001"], []),
        (["5 mini", "4 turbo"], None),
        (["2026-01-31", "2026-02-01"], None),
        (["40217755", "12345678"], None),
        (["1.2.3", "0.1.0"], None),
        (["3/foo.py", "4/foo.py"], None),
        (["2 tests failed", "3 tests failed"], None),
        (["5 of 5", "none"], None),
    ],
)
def test_amounts_that_are_texts_stand_and_sort_like_numbers(
    texts: list[str], by: list[float] | None
) -> None:
    html = str(reports.table(pl.DataFrame({"a": [*texts, None]})).html)
    assert html.count("class=am-num") == (0 if by is None else len(texts) + 2)
    assert [float(value) for value in re.findall(r"data-v=([^ >]+)", html)] == (by or [])


def test_names_stay_left_whatever_they_are() -> None:
    frame = pl.DataFrame({"variant": ["1 hint", "2 hints"], "case_id": ["5 of 5", "4 of 5"]})
    assert "am-num" not in str(reports.table(frame).html)


def test_a_table_folds_long_texts_and_cuts_many_rows() -> None:
    frame = pl.DataFrame({"reason": ["x" * 9000] * 4})
    html = str(reports.table(frame, limit=3).html)
    assert html.count("<details") == 3
    assert "The first 3 of 4 rows are shown." in html
    assert "(9,000 characters in all)" in html
    assert len(html) < 3 * 5000


def test_an_empty_table_says_so_and_an_unknown_column_names_the_choices() -> None:
    frame = pl.DataFrame({"a": []})
    assert "Every trial passed." in str(reports.table(frame, empty="Every trial passed.").html)
    with pytest.raises(BadInputError, match="no column 'b': choose from a"):
        reports.table(frame, ["b"])


def test_blocks_escape_what_they_are_given() -> None:
    blocks = [
        reports.headline(SCRIPT, title=SCRIPT, kicker=SCRIPT, note=SCRIPT),
        reports.figures([(SCRIPT, SCRIPT, SCRIPT)]),
        reports.notice(SCRIPT),
        reports.facts({SCRIPT: SCRIPT, "None": None}),
    ]
    for block in blocks:
        assert "<script" not in str(block.html)
        assert "&lt;script" in str(block.html)
    with pytest.raises(BadInputError, match="choose from info, warning, error"):
        reports.notice("x", kind="loud")


def test_no_block_shows_a_control_character() -> None:
    bad = "\x1b[31mred\x1b[0m\x07\x9b"
    for block in (
        reports.headline(bad, title=bad, note=bad),
        reports.figures([(bad, bad, bad)]),
        reports.notice(bad),
        reports.sentences([bad], caption=bad),
        reports.table(pl.DataFrame({"a": [bad]}), caption=bad, note=bad),
    ):
        assert "red␇<U+009B>" in block.html.unescape()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", block.html + repr(block))
    says = reports.headline("", title=bad).says
    assert says["title"] == "red␇<U+009B>"


def test_a_block_shows_itself_in_jupyter() -> None:
    data, metadata = reports.notice("costs $1 and $2")._repr_mimebundle_()
    assert data["text/plain"] == "costs $1 and $2"
    assert "mathjax_ignore" in data["text/html"]
    assert "--am-ink:" in data["text/html"]
    assert "ampmetrics" in metadata


def test_the_headline_names_the_best_first_and_counts_verdicts() -> None:
    frame = pl.DataFrame(
        {
            "variant": ["low", "high", "none"],
            "n_passed": [5, 7, 0],
            "n_verdicts": [8, 8, 0],
            "pass_rate": [0.625, 0.875, None],
        }
    )
    assert reports.passed(frame) == (
        "high passed 7 of 8 trials (88%), low 5 of 8 (63%) and none has no verdict."
    )
    assert reports.passed(frame.clear()) == "There are no trials."


# --- outputs of a cell --------------------------------------------------------------------------


def shown(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> str:
    return str(
        outputs.output(nbformat.v4.new_output("display_data", data, metadata=metadata or {}))
    )


def test_foreign_html_keeps_its_table_and_loses_its_script() -> None:
    bad = f"{SCRIPT}{IMAGE}<iframe src='//x'></iframe><a href='javascript:x()'>l</a>"
    table = f"<style>p{{}}</style><table onclick='x()'><tr><td>1{bad}</td></tr></table>"
    html = shown({"text/html": table})
    assert "<table>" in html
    for gone in ("<script", "onerror", "onclick", "<style", "iframe", "javascript:", "pwned = 1</"):
        assert gone not in html


def test_a_polars_frame_shows_as_a_table() -> None:
    html = shown({"text/html": pl.DataFrame({"a": [SCRIPT]})._repr_html_()})
    assert "<td>" in html
    assert "&lt;/script&gt;" in html


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"text/plain": SCRIPT}, "<pre>&lt;/script&gt;"),
        ({"application/json": {"a": SCRIPT}}, "&lt;/script&gt;"),
        ({"image/svg+xml": "<svg><script>x</script></svg>"}, 'src="data:image/svg+xml;base64,'),
        ({"image/png": "aGk=\n"}, 'src="data:image/png;base64,aGk="'),
        ({"text/markdown": f"**bold** {SCRIPT}"}, "<strong>bold</strong>"),
        ({"application/x-unheard-of": "?"}, "An output that a page cannot show."),
    ],
)
def test_other_outputs_show_decently(data: dict[str, Any], text: str) -> None:
    html = shown(data)
    assert text in html
    assert "<script" not in html


def test_streams_and_errors_are_escaped_and_keep_their_colours() -> None:
    stream = nbformat.v4.new_output("stream", name="stderr", text=f"\x1b[31mred\x1b[0m {SCRIPT}")
    error = nbformat.v4.new_output("error", ename="E", evalue=SCRIPT, traceback=[SCRIPT])
    html = str(outputs.output(stream)) + str(outputs.output(error))
    assert "<script" not in html
    assert "ansi-red-fg" in html


def test_a_chart_is_data_that_cannot_end_its_script() -> None:
    spec = {
        "title": {"text": IMAGE, "subtitle": ["One.", "Two."]},
        "data": {"v": [SCRIPT, float("nan")]},
    }
    html = shown(
        {"application/vnd.vegalite.v6+json": {**spec, "mark": "bar", "description": IMAGE}}
    )
    assert html.count("<script") == html.count("</script") == 1
    assert "<img" not in html
    assert "One. Two." in html
    (inside,) = re.findall(r"<script[^>]*>(.*)</script>", html)
    spec = json.loads(zlib.decompress(base64.b64decode(inside)))
    assert spec["data"]["v"] == [SCRIPT, None]


def test_markdown_keeps_its_structure_and_loses_what_runs() -> None:
    html = str(
        outputs.markdown(f"## A & b\n\n<details><summary>s</summary>t</details>\n\n{SCRIPT}{IMAGE}")
    )
    assert "<h2>A &amp; b</h2>" in html
    assert "<summary>" in html
    assert "<script" not in html
    assert "onerror" not in html


def test_tags_leave_out_cells_inputs_and_outputs() -> None:
    node = notebook("1 + 1", "2 + 2", "3 + 3")
    for cell, tag in zip(node.cells[1:], ("cell", "input", "output"), strict=True):
        cell.outputs = [nbformat.v4.new_output("stream", text=f"said {cell.source}")]
        cell.metadata["tags"] = [f"remove-{tag}"]
    html, _ = PageExporter().from_notebook_node(node)
    text = re.sub(r"<[^>]*>", "", html)
    assert "1 + 1" not in text
    assert text.count("2 + 2") == 1
    assert "said 3 + 3" not in text
    assert "3 + 3" in text


def test_two_headings_of_one_name_have_two_ids() -> None:
    source = "## Same\n\n### Same\n\n## Same 1\n\n## Same\n\n## Code\n\n## Main"
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)])
    html, _ = PageExporter().from_notebook_node(node)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(set(ids)) == len(ids)
    assert re.findall(r'<li><a href="#([^"]*)"', html) == re.findall(r'<h2 id="([^"]+)"', html)


# --- the report ---------------------------------------------------------------------------------


def test_a_report_is_one_small_file(page: Path) -> None:
    assert list(page.parent.iterdir()) == [page]
    assert page.stat().st_size < 1_200_000
    text = page.read_text()
    assert "recorded sample agent, not a model" in text
    assert "high passed 7 of 8 trials (88%) and low 5 of 8 (63%)." in text
    assert text.count('<figure class="card chart">') == 11
    assert text.count("<title>") == 1
    assert "benchmark_report.ipynb" in text
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", text)
    assert "<details class=trace>" not in text


def test_a_report_names_no_folder_of_this_machine(page: Path, sample_run: Path) -> None:
    text = page.read_text()
    assert sample_run.name in text
    assert str(sample_run.parent) not in text


def test_a_table_marks_lower_bounds_and_says_what_its_signs_mean() -> None:
    frame = pl.DataFrame({"cost_usd": [0.5, 0.25, None], "least": [True, False, True]})
    html = str(reports.table(frame, ["cost_usd"], at_least={"cost_usd": "least"}).html)
    assert re.findall("<td[^>]*>(.*?)</td>", html)[:2] == [
        "<abbr title='at least'>≥</abbr> $0.5000",
        "$0.2500",
    ]
    assert "— stands for what is not known" in html
    assert "≥ stands before sums" in html
    exact = str(reports.table(frame[1:2], ["cost_usd"], at_least={"cost_usd": "least"}).html)
    assert "stands" not in exact
    with pytest.raises(BadInputError, match="no column 'nope'"):
        reports.table(frame, at_least={"cost_usd": "nope"})


def test_a_report_holds_every_trial_and_every_failure(page: Path) -> None:
    text = page.read_text()
    trials = text[text.index('id="all-trials"') : text.index('id="data-quality"')]
    assert trials.count("<tr>") == 17
    failures = text[text.index('id="what-went-wrong"') : text.index('id="trial-by-trial"')]
    assert failures.count("<tr>") == 5
    for word in ("failed", "timeout", "agent error"):
        assert word in failures


def test_the_same_data_gives_the_same_page(page: Path, sample_run: Path, tmp_path: Path) -> None:
    again = reports.build_report(sample_run, tmp_path / "again.html").read_text()
    assert MADE.sub("", again) == MADE.sub("", page.read_text())
    assert MADE.search(again)


def test_nothing_is_printed_and_nothing_is_left_behind(sample_run: Path, tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work, tmp_path / "tmp"):
        folder.mkdir()
    prices = tmp_path / "own.toml"
    prices.write_text('[[price]]\nmodel = "claude-*"\ninput = 1000\noutput = 1000\n')
    given = {"title": "My title", "prices": str(prices), "baseline": "low"}
    code = (
        "import sys; from ampmetrics.reports import build_report\n"
        f"build_report({str(sample_run)!r}, 'sub/report.html', parameters={given!r})"
    )
    environment = {
        **os.environ, "HOME": str(home), "TMPDIR": str(tmp_path / "tmp"),
        "XDG_CACHE_HOME": str(home / "cache"), "PYTHONPATH": str(shipped("notebooks").parent),
    }  # fmt: skip
    command = [sys.executable, "-c", code]
    ran = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert [str(path.relative_to(work)) for path in work.rglob("*")] == ["sub", "sub/report.html"]
    text = (work / "sub" / "report.html").read_text()
    assert "<title>My title</title>" in text
    assert "<h3>Cost by own.toml</h3>" in text
    assert "<h3>high against low, in words</h3>" in text
    assert str(tmp_path) not in text
    assert not list((tmp_path / "tmp").iterdir())
    left = {path.relative_to(home).parts[0] for path in home.rglob("*") if path.is_file()}
    assert left <= {"cache"}


def test_a_failed_cell_ends_the_report_and_is_in_it(
    run: Callable[..., str], tmp_path: Path
) -> None:
    cells = ("print('before')", f"raise ValueError({SCRIPT!r})", "print('after')")
    with pytest.raises(ReportFailedError, match=r"cell 3: ValueError: .*the report so far is in"):
        run(*cells)
    text = (tmp_path / "out.html").read_text()
    assert "This report is not complete." in text
    assert "Code cell 3 failed" in text
    assert "before" in text
    assert "after</pre>" not in text
    assert "print(&#39;after" not in text
    assert "<script>window" not in text
    assert not list(tmp_path.glob("*.part"))


def test_a_kernel_that_dies_is_an_error_and_not_a_hang(
    run: Callable[..., str], tmp_path: Path
) -> None:
    with pytest.raises(ReportFailedError, match="DeadKernelError"):
        run("import os; os._exit(3)")
    assert "This report is not complete." in (tmp_path / "out.html").read_text()


@pytest.mark.parametrize(
    ("module", "code", "said"),
    [
        ("ipykernel", "import os; os._exit(3)", "RuntimeError: Kernel died"),
        ("duckdb", "None.nothing", "AttributeError: 'NoneType'"),
    ],
)
def test_what_cannot_be_loaded_is_told(
    sample_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    module: str, code: str, said: str,
) -> None:  # fmt: skip
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ReportFailedError, match=said):
        reports.build_report(sample_run, tmp_path / "out.html")
    assert "This report is not complete." in (tmp_path / "out.html").read_text()


def test_a_kernel_whose_parent_is_gone_does_not_begin() -> None:
    program = Path(reports.__file__).with_name("preloaded.py")
    environment = {**os.environ, "JPY_PARENT_PID": str(psutil.Process().ppid())}
    ran = subprocess.run(
        [sys.executable, program], input='["-f", "/nowhere/kernel.json"]\n', env=environment,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_chart_and_a_frame_need_no_word_about_the_page(run: Callable[..., str]) -> None:
    text = run(
        "import altair as alt, polars as pl",
        "alt.Chart(pl.DataFrame({'x': [1]})).mark_bar().encode(x='x:Q')",
        "pl.DataFrame({'cost_usd': [0.5, None], 'said': [['a', 'b'], None], 'at': [b'x', None],\n"
        "              'args': [{'path': 'a.py'}, None], 'long': ['y' * 3000, '<script>alert(1)']})",
        "pl.DataFrame()",
        "alt.renderers.enable('mimetype'); alt.theme.enable('dark')\n"
        "alt.Chart(pl.DataFrame({'x': [1]})).mark_bar().encode(x='x:Q')",
    )
    seen = BeautifulSoup(text, "html.parser")
    assert len(seen.select("figure.chart")) == 2
    packed = [zlib.decompress(base64.b64decode(each.text)) for each in seen.select(".am-packed")]
    fonts = [json.loads(each)["config"].get("font") for each in packed]
    assert fonts == [theme.FONT, None]
    (table,) = seen.select(".am-table table")
    assert [head.text for head in table.select("th")] == ["Cost", "Said", "At", "Arguments", "Long"]
    assert [cell.text for cell in table.select("tbody tr:last-child td")][:4] == ["—"] * 4
    assert table.select_one("td.am-num").text == "$0.5000"
    assert "y" * 3000 in table.text
    assert "shape:" not in text
    assert "<script>alert" not in text


def test_the_users_own_path_is_kept(
    run: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(reports.__file__).resolve().parents[2]
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(home), str(tmp_path)]))
    text = run("import sys; print('first', sys.path[0] + '.')")
    assert f"first {home}." in text


def test_a_notebook_runs_in_this_python_and_folder_and_ends_in_order(
    run: Callable[..., str], tmp_path: Path
) -> None:
    kept = tmp_path / "kept.txt"
    text = run(
        "import sys, os, importlib.util\n"
        "print('loaded', {'polars', 'duckdb', 'altair'} & set(sys.modules))\n"
        "print('ours', importlib.util.find_spec('timeline'), sys.stdin.read() == '')",
        "import atexit, ampmetrics; print(sys.executable, os.getcwd(), paths)",
        f"kept = open({str(kept)!r}, 'w'); _ = kept.write('not closed')\n"
        f"_ = atexit.register(lambda: open({str(kept)!r} + '2', 'w').write('said goodbye'))",
    )
    assert "loaded set()" in text
    assert "ours None True" in text
    assert sys.executable in text
    assert str(Path.cwd()) in text
    assert "An error" not in text
    assert kept.read_text() == "not closed"
    assert kept.with_name("kept.txt2").read_text() == "said goodbye"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"notebook": "nope"}, "no notebook 'nope': choose from benchmark_report"),
        ({"notebook": "nope.ipynb"}, "nope.ipynb: no such notebook"),
        ({"notebook": __file__ + ".ipynb"}, "no such notebook"),
        (
            {"parameters": {"colour": 1}},
            "no parameter 'colour': choose from paths, title, baseline, trial",
        ),
        ({"parameters": {"title": 1}}, "'title' is declared str, not int"),
        ({"parameters": {"title": object()}}, "a object cannot be passed on"),
    ],
)
def test_bad_input_names_the_choices(
    sample_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any], message: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with pytest.raises(BadInputError) as error:
        reports.build_report(sample_run, tmp_path / "x.html", **options)
    assert message in str(error.value)
    assert not (tmp_path / "x.html").exists()
    assert not psutil.Process().children()
    assert not list((tmp_path / "tmp").iterdir())


def test_bad_paths_are_refused_before_anything_runs(sample_run: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such file or folder"):
        reports.build_report(tmp_path / "none", tmp_path / "x.html")
    with pytest.raises(BadInputError, match="is a folder: name the file"):
        reports.build_report(sample_run, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CannotRunError, match="cannot be written"):
        reports.build_report(sample_run, tmp_path / "file" / "x.html")
    (tmp_path / "no.ipynb").write_text("{}")
    with pytest.raises(BadInputError, match="not a notebook that can be read"):
        reports.build_report(sample_run, tmp_path / "x.html", notebook=tmp_path / "no.ipynb")
    other = notebook()
    other.metadata["kernelspec"]["language"] = "R"
    nbformat.write(other, tmp_path / "r.ipynb")
    with pytest.raises(BadInputError, match="a notebook for R"):
        reports.build_report(sample_run, tmp_path / "x.html", notebook=tmp_path / "r.ipynb")


def test_the_built_in_notebook_has_short_cells() -> None:
    for cell in nbformat.read(BUILT_IN, as_version=4).cells:
        assert len(cell.source.splitlines()) <= 24, cell.id
        assert re.fullmatch(r"[a-z-]+", cell.id)


# --- diffs, timelines, logs, one of many --------------------------------------------------------


def test_a_diff_is_coloured_words_and_says_where_it_was_cut() -> None:
    frame = pl.DataFrame(
        {
            "path": [f"src/{IMAGE}", "logo.png", "lost"],
            "old_path": ["old", None, None],
            "operation": ["rename", "create", "modify"],
            "lines_added": [2, None, 0],
            "lines_deleted": [1, None, 3],
            "is_binary": [False, True, False],
            "diff": [DIFF, None, None],
            "diff_bytes": [2_000_000, None, None],
        }
    )
    html = str(reports.diff(frame, caption=SCRIPT).html)
    assert "<script" not in html
    assert "<img" not in html
    assert re.findall(r"<(ins|del|em)>(.)", html)[:3] == [("em", "@"), ("del", "-"), ("ins", "+")]
    assert "old → src/" in html
    assert "+2</b> <b class=am-minus>−1" in html
    assert "Cut: the whole diff has 2,000,000 bytes." in html
    assert "A binary file has no lines." in html
    assert "Its diff was not kept." in html
    assert "\x1b" not in html
    assert "red" in html
    assert "&lt;U+202E&gt;" in html
    assert len(html) < 20_000
    assert "No file was changed." in str(reports.diff(frame.clear()).html)
    with pytest.raises(BadInputError, match="edits without diff"):
        reports.diff(frame.drop("diff"))


def test_a_timeline_shows_when_and_how_long_and_what_is_not_known() -> None:
    frame = pl.DataFrame(
        {
            "lane": ["Bash", SCRIPT, "Read"],
            "what": ['{"cmd": "ls"}', IMAGE * 99, None],
            "start_ms": [0.0, 500.0, 1500.0],
            "end_ms": [500.0, 2000.0, None],
            "duration_ms": [500.0, 1500.0, None],
            "success": [True, False, None],
        }
    )
    html = str(reports.timeline(frame).html)
    assert re.findall(r"left:([\d.]+)%;width:([\d.]+)%", html) == [
        ("0.0", "25.0"), ("25.0", "75.0"), ("75.0", "0.0"),
    ]  # fmt: skip
    for text in ("500 ms", "1.5 s, failed", "never answered", "characters in all"):
        assert text in html
    assert "<script" not in html
    assert "<img" not in html
    assert "No call with a known time." in str(reports.timeline(frame.clear()).html)


def test_logs_show_their_end_and_what_is_missing_and_stay_in_their_folder(tmp_path: Path) -> None:
    names = [("one", "high", 1), ("one", "high", 2), ("../one", "high", 1), ("two", "a b", 1)]
    logs = tmp_path / "logs"
    logs.mkdir()
    (tmp_path / "one@high@1.success.log").write_text("beside the folder")
    (logs / "one@high@1.success.log").write_text("of the attempt that was cut short")
    last = "\n".join(["early", *map(str, range(50)), "\x1b[31mlast\x1b[0m", "x" * 1_000_000])
    (logs / "one@high@1+2.success.log").write_text(last)
    (logs / "one@high@1+2.stdout.log").write_text("")
    (tmp_path / "secret").write_text("nobody's business")
    (logs / "one@high@1+2.stderr.log").symlink_to(tmp_path / "secret")
    (logs / f"{trial_name('two', 'a b', 1)}.2.stdout.log").write_text(SCRIPT)
    frame = pl.DataFrame(
        [(str(tmp_path / "m.jsonl"), *name, "failed", IMAGE) for name in names],
        schema=["file", "case_id", "variant", "trial", "outcome", "reason"], orient="row",
    )  # fmt: skip
    html = str(reports.logs(frame).html)
    assert "cut short" not in html
    assert "beside the folder" not in html
    assert "nobody" not in html
    assert "early" not in html
    assert "x" * 300 in html
    assert "more characters)" in html
    assert "agent, stdout, prompt 2" in html
    assert html.count("There are no log files of it") == 2
    assert "<script" not in html
    assert "<img" not in html
    assert len(html) < 20_000
    many = pl.concat([frame] * 5).with_columns(file=pl.lit(str(tmp_path / "none" / "m.jsonl")))
    none = str(reports.logs(many).html)
    assert "There are no log files of them beside the event file" in none
    assert "<summary>5 more trials</summary>" in none
    with pytest.raises(BadInputError, match="without file"):
        reports.logs(frame.drop("file"))


def test_a_conversation_is_read_beside_the_events_and_nowhere_else(tmp_path: Path) -> None:
    def stream(*texts: str) -> str:
        content = [[{"type": "text", "text": text}] for text in texts]
        return "\n".join(
            json.dumps({"type": "assistant", "message": {"content": c}}) for c in content
        )

    folder = tmp_path / "session-1"
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "1.stdout.log").write_text(stream("First", SCRIPT) + "\nnot JSON\n")
    (folder / "logs" / "2.stdout.log").write_text(stream(*map(str, range(1000, 1250)), "x" * 9000))
    row = {"iteration_number": 1, "message": IMAGE, "file": str(folder / "metrics.jsonl"),
           "session_id": "session-1", "case_id": None, "variant": None, "trial": None}  # fmt: skip
    prompts = pl.DataFrame([row, row | {"iteration_number": 2, "message": None}])
    html = str(reports.conversation(prompts, caption="Words").html)
    seen = BeautifulSoup(html, "html.parser")
    who = [each.text for each in seen.select("dt")]
    assert who[:5] == ["Prompt 1", "Agent", "Agent", "Prompt 2", "Agent"]
    told = [each.text for each in seen.select("dd")]
    assert told[:5] == [plain(IMAGE), "First", plain(SCRIPT), "unknown", "1000"]
    assert "1199" in told[-2]
    assert "More than 200 texts" in told[-1]
    assert not seen.find_all(["script", "img"])
    # A folder of another name is another's, whatever its files are called.
    other = prompts.with_columns(session_id=pl.lit("../session-1"))
    assert "First" not in str(reports.conversation(other).html)
    assert "which is not kept here" in str(reports.conversation(other).html)
    assert "No prompt was recorded" in str(reports.conversation(prompts.clear()).html)
    with pytest.raises(BadInputError, match="without file"):
        reports.conversation(prompts.drop("file"))
    nowhere = prompts.with_columns(file=pl.lit(None, pl.String))
    assert "which is not kept here" in str(reports.conversation(nowhere).html)
    long = prompts.with_columns(file=pl.lit("/".join(["x" * 300] * 3)))
    assert "which is not kept here" in str(reports.conversation(long).html)
    # Nor is what lies elsewhere.
    (folder / "logs").rename(tmp_path / "elsewhere")
    (folder / "logs").symlink_to(tmp_path / "elsewhere")
    assert "First" not in str(reports.conversation(prompts).html)


def test_what_of_a_conversation_is_not_read_is_said(tmp_path: Path) -> None:
    def said(text: str) -> str:
        content = [{"type": "text", "text": text}]
        return json.dumps({"type": "assistant", "message": {"content": content}}) + "\n"

    folder = tmp_path / "s"
    (folder / "logs").mkdir(parents=True)
    output = ["x" * 1_000_000 + "\n"] * 40 + [
        "y" * 9_000_000 + "\n",
        said("\x1b[0m"),
        said("The end"),
    ]
    (folder / "logs" / "1.stdout.log").write_text("".join(output))
    with (folder / "logs" / "2.stdout.log").open("w") as log:
        log.write(said("Begun") + "z")
        log.truncate(300_000_000)
    many = "y" * 5_000_000 + "\n" + said("Hm") * 201
    (folder / "logs" / "4.stdout.log").write_text(many)
    row = {"iteration_number": 1, "message": "Go", "file": str(folder / "metrics.jsonl"),
           "session_id": "s", "case_id": None, "variant": None, "trial": None}  # fmt: skip
    prompts = pl.DataFrame([row | {"iteration_number": n} for n in (1, 2, 3, 4)])
    html = str(reports.conversation(prompts).html)
    told = [each.text for each in BeautifulSoup(html, "html.parser").select("dd")]
    assert told[-4:] == [
        "Hm",
        "Hm",
        "More than 200 texts; the others are in its raw output.",
        "1 line of more than 4 MB of its raw output not read.",
    ]
    assert told[:-202] == [
        "Go",
        "The end",
        "1 line of more than 4 MB of its raw output not read.",
        "Go",
        "Begun",
        "1 line of more than 4 MB of its raw output not read.",
        "Its raw output was read up to 200 MB.",
        "Go",
        "What it answered is in its raw output, which is not kept here.",
        "Go",
    ]


def test_a_chooser_packs_what_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = {f"{i} {SCRIPT}": reports.notice(f"{i} {IMAGE} {'z' * i}") for i in range(300)}
    block = reports.chooser(blocks, chosen=f"7 {SCRIPT}")
    packed = re.findall(r"am-packed>([^<]*)<", block.html)
    lines = zlib.decompress(base64.b64decode(packed[0])).decode().splitlines()
    names = [json.loads(line)[0] for line in lines]
    assert names[:2] == [f"7 {SCRIPT}", f"0 {SCRIPT}"]
    assert len(names) == len(set(names)) == 300
    assert "7 &lt;img" in block.html
    assert "8 &lt;img" not in block.html
    monkeypatch.setattr(sys.modules["ampmetrics.reports.chooser"], "_ROOM", 4_000)
    small = reports.chooser(blocks)
    assert "of 300 are in this page" in small.html
    assert len(small.html) < 6_000
    with pytest.raises(BadInputError, match="no trial 'x': choose from"):
        reports.chooser(blocks, chosen="x")
    with pytest.raises(BadInputError, match="no trial to choose from"):
        reports.chooser({})


def test_a_comparison_says_each_in_its_unit_and_why_there_is_none(sample: Any) -> None:
    compared = aggregates.compare(sample, "low", "high")
    things = aggregates.comparable(sample, "low", "high")
    html = str(reports.comparison(compared, a="low", b=SCRIPT).html)
    assert "+25 pp" in html
    assert "How this was found" in html
    assert "no interval" in html or "interval:" in html
    assert re.search(r">\d[\d.]* × \([\d.]+ to [\d.]+\)<", html)
    assert "geometric mean of the cases' ratios; 95 % interval" in html.replace("&#39;", "'")
    assert "<script" not in html
    said = str(reports.comparable(things, a="low", b="high").html)
    assert "model asked for" in said
    assert "The same on both sides: suite" in said
    bare = things.with_columns(a=None, b=None, differs=None).cast(things.schema)
    assert "Not known of either: suite, " in str(reports.comparable(bare).html)
    lines = str(reports.sentences(aggregates.conclusion(compared, things, a="low", b=SCRIPT)).html)
    assert lines.count("am-first") == 1
    assert "<script" not in lines


# --- the command: notebook, parameters, formats -------------------------------------------------


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A notebook of a user's own, that needs no event files."""
    cell = (
        "from typing import Literal\n"
        "top: int = 3  # rows\n"
        "word: str = 'none'\n"
        "maybe: str | None = None\n"
        "order: Literal['cost', 'time'] = 'cost'\n"
        "rows: list = []"
    )
    node = notebook("print('got', repr(top), repr(word), repr(maybe), order, rows)",
                    "if top == 13: raise ValueError('thirteen')", parameters=cell)  # fmt: skip
    nbformat.write(node, tmp_path / "mine.ipynb")
    return tmp_path / "mine.ipynb"


def command(*arguments: object, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ampmetrics", "report", *map(str, arguments)], cwd=folder,
        env={**os.environ, **env}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_parameters_come_from_the_line_and_a_file_and_the_format_from_the_name(
    mine: Path, tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_text("top: 5\nrows: [1, two]\nmaybe: a day\n")
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho \"$1\" >> '{tmp_path}/opened'\n")
    browser.chmod(0o755)
    options = ("--notebook", "mine.ipynb", "-f", "p.yaml", "-p", "top", 7, "-p", "word", "2024")
    ran = command(*options, "-o", "out.md", "--open", folder=tmp_path, BROWSER=f"{browser} %s")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "Report: out.md\n", "")
    assert "got 7 '2024' 'a day' cost [1, 'two']" in (tmp_path / "out.md").read_text()
    assert (tmp_path / "opened").read_text().strip() == (tmp_path / "out.md").as_uri()


def test_a_failed_cell_leaves_the_notebook_so_far_and_exit_code_1(
    mine: Path, tmp_path: Path
) -> None:
    options = ("--notebook", mine, "-p", "top", 13, "--format", "ipynb")
    ran = command(*options, folder=tmp_path)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr == (
        "ampmetrics: mine.ipynb: cell 3: ValueError: thirteen; the report so far is in "
        "report.ipynb\n"
    )
    node = nbformat.read(tmp_path / "report.ipynb", as_version=4)
    shown = [out.output_type for cell in node.cells for out in cell.get("outputs", [])]
    assert shown == ["stream", "error"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-p", "topp", "1"], "no parameter 'topp': choose from top, word, maybe, order, rows"),
        (["-p", "top", "many"], "'top' is declared int, not str"),
        (["-p", "maybe", "x", "-p", "order", "size"], "'order' cannot be 'size': choose from cost, time"),
        (["-f", "none.yaml"], "none.yaml cannot be read: No such file or directory"),
        (["-f", "bad.yaml"], "bad.yaml: not YAML: "),
        (["-f", "list.yaml"], "list.yaml: parameters are lines of `name: value`"),
        (["--cache", "kept"], "no parameter 'cache'"),
        (["-o", "x.html", "--format", "md"], "x.html ends as html, but --format is md: change one"),
        (["--format", "pdf"], "a PDF is printed by Chromium, and none of chromium"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_one_line_before_anything_runs(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    (tmp_path / "bad.yaml").write_text("a: [")
    (tmp_path / "list.yaml").write_text("- a")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AmpMetricsError) as error:
        report.command.main(["--notebook", str(mine), *options], standalone_mode=False)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not {*tmp_path.glob("report*"), *tmp_path.glob("x.*")}


def test_the_built_in_notebook_needs_event_files() -> None:
    with pytest.raises(BadInputError, match="name the event files"):
        report.command.main([], standalone_mode=False)


# --- Markdown -----------------------------------------------------------------------------------


def test_markdown_obeys_nothing_that_an_agent_wrote() -> None:
    bad = [SCRIPT, IMAGE, "@octocat", "[a](javascript:x)", "# one", "a|b", "`x` ``y``", "**b**",
           "https://evil.example", "<!--", "&lt;b&gt;", "1. x", "$x$", ANSI]  # fmt: skip
    frame = pl.DataFrame({"reason": [*bad, "x" * 9000], "n_calls": list(range(len(bad) + 1))})
    blocks = [
        reports.headline("; ".join(bad), title=SCRIPT),
        reports.figures([(bad[0], "5", bad[2])]),
        *(reports.notice(text) for text in bad),
        reports.facts(dict(zip(bad, bad, strict=True))),
        reports.table(frame, caption=bad[3]),
        reports.text("```\n" + SCRIPT, caption=bad[4]),
        reports.diff(pl.DataFrame({"path": [IMAGE], "diff": [DIFF]})),
    ]
    node = notebook("1")
    for block in blocks:
        data, metadata = block._repr_mimebundle_()
        shown = nbformat.v4.new_output("display_data", data, metadata=metadata)
        node.cells[1].outputs.append(shown)
    text = markdown_of(page_of(node))
    html = markdown_it.MarkdownIt("gfm-like", {"html": True}).render(text)
    seen = BeautifulSoup(html, "html.parser")
    assert not seen.find_all(["script", "img", "a", "iframe"])
    assert len(seen.find_all("h1")) == 1
    rows = seen.find_all("tr")
    assert len(rows) == len(bad) + 2
    assert {len(row.find_all(["td", "th"])) for row in rows} == {2}
    for code in seen.find_all(["code", "pre"]):
        code.decompose()
    assert "@octocat" not in seen.get_text()
    assert "\x1b" not in text


# --- the bundle's cache -------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _: tmp_path / "cache")
    return tmp_path / "cache"


def test_the_bundle_is_kept_and_a_broken_one_made_anew(cache: Path) -> None:
    made = vega.bundle()
    (file,) = cache.iterdir()
    assert vega.bundle() == made
    for broken in ("", "{}", '{"packed": "x", "sha256": "y"}', made.packed[:99]):
        file.write_text(broken)
        assert vega.bundle() == made
    assert list(cache.iterdir()) == [file]


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path) -> None:
    cache.write_text("a file where a folder should be")
    assert len(vega.bundle().packed) > 100_000
