"""The notebooks run as they are stored, in a real kernel, tell the truth, and can be copied."""

from __future__ import annotations

import ast
import re
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from hostile import IMAGE, SCRIPT
from told import at, lines, tell

from ampmetrics.agents.said import said as agent_said
from ampmetrics.cli.notebook import command
from ampmetrics.errors import BadInputError
from ampmetrics.events import (
    FileEdit,
    IterationEnd,
    IterationStart,
    LlmUsage,
    Outcome,
    RunStart,
    ToolCall,
    TrialEnd,
    TrialStart,
    UserMessage,
)
from ampmetrics.reports import build_report
from ampmetrics.reports.notebooks import built_in

NOTEBOOKS = built_in()
TOURS = ("first_steps", "how_many_repeats", "own_chart_and_report", "sql_over_events")
DAY_MS = 24 * 3_600_000.0
NO_TRIAL: dict[str, Any] = {"run_id": None, "case_id": None, "variant": None, "trial": None}


def read(name: str) -> Any:
    return nbformat.read(NOTEBOOKS[name], as_version=4)


def said(text: str) -> str:
    """A page as its reader reads it: without tags, and with blanks in place of line ends."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def cells(name: str, last: str, **parameters: Any) -> list[Any]:
    """What the cells of a notebook show, up to the one named, run in this process and not a kernel."""
    shown: list[Any] = []
    space: dict[str, Any] = {"display": shown.append}
    try:
        for cell in (cell for cell in read(name).cells if cell.cell_type == "code"):
            body = ast.parse(cell.source).body
            end = body.pop() if isinstance(body[-1], ast.Expr) else None
            exec(compile(ast.Module(body, []), cell.id, "exec"), space)
            if end and (value := eval(ast.unparse(end.value), space)) is not None:
                shown.append(value)
            if cell.id == "parameters":
                space |= parameters
            if cell.id == last:
                return shown
    finally:
        if "con" in space:
            space["con"].close()
    raise LookupError(last)


def html(blocks: list[Any]) -> str:
    """The HTML of what is no chart."""
    return "".join(str(getattr(block, "html", "")) for block in blocks)


# --- as they are stored --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_clean(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].source.startswith("# ")
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", cell.id) for cell in notebook.cells)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_parameters_have_types_and_help(name: str) -> None:
    declared = papermill.inspect_notebook(str(NOTEBOOKS[name]))
    assert next(iter(declared)) == "paths"
    for parameter in declared.values():
        assert parameter["inferred_type_name"] in ("list", "str", "int", "bool")
        assert parameter["help"]


def test_the_documentation_names_every_notebook_and_parameter() -> None:
    text = (Path(__file__).parents[1] / "docs" / "notebooks.md").read_text()
    for name, path in NOTEBOOKS.items():
        assert f"| `{name}` |" in text
        for parameter in papermill.inspect_notebook(str(path)):
            assert f"`{parameter}`" in text, f"{name}: {parameter}"


# --- every one runs ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TOURS)
def test_a_tour_runs(name: str, sample_run: Path, tmp_path: Path) -> None:
    done = papermill.execute_notebook(
        NOTEBOOKS[name], tmp_path / "done.ipynb", parameters={"paths": [str(sample_run)]},
        kernel_name="python3", progress_bar=False, cwd=tmp_path,
    )  # fmt: skip
    outputs = [out for cell in done.cells for out in cell.get("outputs", [])]
    streams = "".join(out.text for out in outputs if out.output_type == "stream")
    assert "Traceback" not in streams
    assert "ampmetrics: " not in streams
    shown = [out.data for out in outputs if "data" in out]
    charts = [data for data in shown if "application/vnd.vegalite.v5+json" in data]
    assert bool(charts) is (name != "sql_over_events")
    assert not [file.name for file in tmp_path.iterdir() if file.name != "done.ipynb"]


# --- two runs ------------------------------------------------------------------------------------


def trial(
    folder: Path,
    case: str,
    variant: str,
    outcome: Outcome | None,
    took_ms: float = 1000.0,
    **ids: Any,
) -> None:
    """A trial with a session of its own, and its end."""
    ids = {"session_id": f"{folder.name}-{case}-{variant}", "run_id": folder.name,
           "case_id": case, "variant": variant, **ids}  # fmt: skip
    success = None if outcome is None else outcome is Outcome.PASSED
    tell(folder, TrialStart(agent="amp", suite="s"), IterationStart(iteration_number=1), **ids)
    end = TrialEnd(outcome=outcome, success=success, duration_ms=2000.0)
    tell(
        folder,
        IterationEnd(iteration_number=1, status="success", duration_ms=took_ms),
        end,
        ms=2000,
        **ids,
    )


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders of one name: before, both cases passed; now one does."""
    folders = tmp_path / "old" / "out", tmp_path / "new" / "out"
    for folder, outcome in zip(folders, (Outcome.PASSED, Outcome.FAILED), strict=True):
        folder.mkdir(parents=True)
        run = folder.parent.name
        trial(folder, "easy", "v", Outcome.PASSED, run_id=run)
        trial(folder, "hard", "v", outcome, run_id=run)
    return folders


def test_two_variants_on_a_page(sample_run: Path, tmp_path: Path) -> None:
    page = build_report(sample_run, tmp_path / "page.html", notebook="compare_runs")
    source = page.read_text()
    text = said(source)
    assert "<title>low against high" in source
    assert (
        "In the 8 cases that both ran high passed 88%, low 63%: no difference in that is shown."
        in text
    )
    assert text.index("Can they be compared?") < text.index("What came out")
    assert "That does not make them equal" in text
    for flipped in ("csv-quoting", "fix-stock-race", "redact-secrets", "refactor-invoice"):
        assert flipped in text
    assert str(sample_run) not in source
    assert len(source) < 1_500_000


def test_of_one_variant_two_runs_are_compared(two: tuple[Path, Path]) -> None:
    for ms, folder in enumerate(two):
        ids = {**NO_TRIAL, "run_id": folder.parent.name, "session_id": None, "iteration_id": None}
        tell(folder, RunStart(suite="s"), ms=ms, **ids)
    head = cells("compare_runs", "headline", paths=[str(two[0].parents[1])])
    assert "old passed 100%, new 50%" in html(head)


def test_several_variants_are_in_one_picture_and_one_of_them_in_words(tmp_path: Path) -> None:
    for variant, hard in (("a", True), ("b", False), ("c", True)):
        for case, passes in (("easy", True), ("hard", hard)):
            trial(tmp_path, case, variant, Outcome.PASSED if passes else Outcome.FAILED)
    shown = cells("benchmark_report", "compared", paths=[str(tmp_path)], baseline="b")
    (picture,) = (c for c in shown if "Each against b" in str(getattr(c, "title", "")))
    drawn = [row for data in picture.to_dict()["datasets"].values() for row in data]
    assert {row["variant"] for row in drawn if "variant" in row} == {"a", "c"}
    told = html(shown)
    assert "data-label='Against b'" in told
    assert "a against b, in words" in told


def test_a_run_without_a_trial_says_so_and_what_was_to_be_run(tmp_path: Path) -> None:
    run = RunStart(suite="Nothing yet", agent="amp", agent_version="7", repeats=3)
    tell(tmp_path, run, **{**NO_TRIAL, "run_id": "r", "session_id": None, "iteration_id": None})
    told = html(cells("benchmark_report", "about", paths=[str(tmp_path)]))
    assert "There are no trials." in told
    assert "<dd>amp 7</dd>" in told


def test_two_folders_of_one_name(two: tuple[Path, Path]) -> None:
    old, new = two
    head = cells("compare_runs", "headline", paths=[str(old), str(new)])
    assert "new/out against old/out" in html(head)
    said = "In the 2 cases that both ran old/out passed 100%, new/out 50%: no difference in that is"
    assert said in html(head)


def test_a_difference_is_said(tmp_path: Path) -> None:
    for n in range(12):
        trial(tmp_path, f"c{n}", "fast", Outcome.PASSED, took_ms=1000.0 + n)
        trial(tmp_path, f"c{n}", "slow", Outcome.FAILED, took_ms=2000.0 + 2 * n)
    head = cells("compare_runs", "headline", paths=[str(tmp_path)])
    said = "fast passed 100%, slow 0%: slow passes less often. slow takes more time."
    assert said in html(head)


def test_a_comparison_that_is_none_says_so(tmp_path: Path) -> None:
    trial(tmp_path, "easy", "v", Outcome.PASSED)
    trial(tmp_path, "easy", "w", None)
    shown = cells("compare_runs", "prices", paths=[str(tmp_path)])
    assert "Nothing can be compared: no case has a verdict on both sides." in html(shown)


@pytest.mark.parametrize(
    ("variants", "given", "message"),
    [
        (["v"], {}, "has these variants: v: name two with the parameter a and the parameter b"),
        (["u", "v", "w"], {}, "has these variants: u, v, w: name two"),
        (["u", "v"], {"a": "u", "b": "x"}, "has no variant 'x': choose from u, v"),
        (["u", "v"], {"a": "u", "b": "u"}, ", u' too: compare two variants"),
    ],
)
def test_sides_that_are_not_clear(
    tmp_path: Path, variants: list[str], given: dict[str, str], message: str
) -> None:
    for variant in variants:
        trial(tmp_path, "easy", variant, Outcome.PASSED)
    with pytest.raises(BadInputError, match=re.escape(message)):
        cells("compare_runs", "compared", paths=[str(tmp_path)], **given)


def test_several_variants_in_two_folders(two: tuple[Path, Path]) -> None:
    trial(two[1], "easy", "w", Outcome.PASSED)
    paths = [str(path) for path in two]
    with pytest.raises(BadInputError, match="variants: name one with the parameter b: v, w"):
        cells("compare_runs", "compared", paths=paths)
    head = cells("compare_runs", "headline", paths=paths, b="v")
    assert "new/out v against old/out" in html(head)
    with pytest.raises(BadInputError, match="two results can be compared, not 3"):
        cells("compare_runs", "compared", paths=[*paths, paths[0]])


# --- one session ---------------------------------------------------------------------------------


@pytest.fixture
def usage(tmp_path: Path) -> Path:
    """Three sessions as an import writes them, in two projects of one name; one tells little."""
    folder = tmp_path / "usage"
    folder.mkdir()
    for n, (cwd, cost, ask) in enumerate(
        [("/a/shop", 0.5, "Fix it"), ("/b/shop", None, SCRIPT), (None, 0.25, None)]
    ):
        ids = {"session_id": f"s{n}", "file": f"{n}.jsonl", **NO_TRIAL}
        ms = n * 31 * DAY_MS
        for number in (1, 2):
            ids["iteration_id"] = f"s{n}-{number}"
            start = IterationStart(iteration_number=number, agent="claude", cwd=cwd)
            tell(folder, start, UserMessage(message=ask and f"{ask} {number}"), ms=ms, **ids)
            call = ToolCall(tool_call_id=f"c{number}", tool_name="Edit", args={"path": IMAGE},
                            started_at=at(ms + 1000), ended_at=at(ms + 2000), duration_ms=1000.0,
                            success=number == 1)  # fmt: skip
            edit = FileEdit(path=IMAGE, operation="modify", lines_added=3, lines_deleted=1,
                            diff=f"--- a\n+++ b\n@@ -1 +1 @@\n-{SCRIPT}\n+new\n")  # fmt: skip
            used = LlmUsage(scope="request" if cost else None, model="m", prompt_tokens=900,
                            completion_tokens=100, total_tokens=1000, cost_usd=cost,
                            cache_read_tokens=450 if cost else None)  # fmt: skip
            tell(folder, call, edit, used, ms=ms + 2000, **ids)
            tell(folder, IterationEnd(iteration_number=number), ms=ms + 60_000, **ids)
            ms += 3_600_000
    return folder


def test_a_session_on_a_page(sample_run: Path, tmp_path: Path) -> None:
    sessions = {line["sessionId"] for line in lines(sample_run, "file_edit")}
    chosen = min(sessions)
    calls = [line for line in lines(sample_run, "tool_call") if line["sessionId"] == chosen]
    (prompt,) = (
        line["message"] for line in lines(sample_run, "user_message") if line["sessionId"] == chosen
    )
    page = build_report(
        sample_run, tmp_path / "page.html", notebook="session_report",
        parameters={"session": chosen[:13]},
    )  # fmt: skip
    text = said(page.read_text())
    assert f"made {len(calls)} tool calls" in text
    assert " ".join(prompt.split())[:60] in text
    assert "the sample agent" not in text
    assert "recorded sample agent, not a model" in text
    ((folder, case, variant, outcome),) = (
        (sample_run / "logs", line["caseId"], line["variant"], line["data"]["outcome"])
        for line in lines(sample_run, "trial_end") if line["sessionId"] == chosen
    )  # fmt: skip
    with (folder / f"{case}@{variant}@1.stdout.log").open("rb") as log:
        words = [" ".join(each.split()) for each in agent_said(log)]
    assert words
    assert all(each in text for each in words)
    assert f"Outcome {outcome}" in text
    for path in {e["path"] for e in lines(sample_run, "file_edit") if e["sessionId"] == chosen}:
        assert path in text


def test_a_session_that_was_imported(usage: Path) -> None:
    shown = cells("session_report", "about", paths=[str(usage)], session="s1")
    told = html(shown)
    assert "claude was given 2 prompts and made 2 tool calls, at unknown cost." in told
    assert "Whether it ended well is not known" in told
    assert "its raw output, which is not kept here" in told
    assert '<span>Requests</span> <strong class="am-value">2</strong>' in told
    assert "$0.00" not in told
    assert "0% of input" not in told
    assert SCRIPT not in told
    assert IMAGE not in told


def test_the_last_session_is_taken(usage: Path) -> None:
    shown = html(cells("session_report", "words", paths=[str(usage)]))
    assert "Session s2" in shown
    assert "for $0.5000." in shown
    # Its prompts said nothing that was kept.
    assert "<dt>Prompt 1</dt><dd><span class=am-dim>unknown</span></dd>" in shown


@pytest.mark.parametrize(
    ("session", "message"),
    [
        ("x", "there is no session 'x': choose from s2, s1, s0"),
        ("s", "there are several session 's': choose from s2, s1, s0"),
    ],
)
def test_a_session_that_is_not_there(usage: Path, session: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        cells("session_report", "chosen", paths=[str(usage)], session=session)


def test_a_file_without_a_session(tmp_path: Path) -> None:
    (tmp_path / "strange.jsonl").write_text('{"level": "info"}\nnot JSON\n')
    with pytest.raises(BadInputError, match="nothing that was read has any"):
        cells("session_report", "chosen", paths=[str(tmp_path)])
    shown = cells("usage_report", "about", paths=[str(tmp_path)])
    assert "There is no session in these files." in html(shown)
    assert "not JSON" in html(shown)


# --- all sessions --------------------------------------------------------------------------------


def test_days_choose_sessions(usage: Path) -> None:
    given = {"paths": [str(usage)], "since": "2026-01-03", "until": "2026-02-28"}
    shown = cells("usage_report", "prices", **given)
    told = html(shown)
    assert "1 session cost an amount not known at list price." in told
    assert "Only sessions begun from 2026-01-03 until 2026-02-28 are counted" in told
    with pytest.raises(BadInputError, match="since 'May' is no day: write it as 2026-01-31"):
        cells("usage_report", "setup", paths=[str(usage)], since="May")


def test_models_that_told_no_tokens(tmp_path: Path) -> None:
    """0 of 0 from cache is no rate, and of two models that tell nothing neither is the main one."""
    for session, models in {
        "a": {"idle": 0, "busy": 1000},
        "b": {"m": None, "n": None},
        "c": {"idle": 0, "m": 0},
    }.items():
        ids = {**NO_TRIAL, "session_id": session, "iteration_id": session, "file": "all.jsonl"}
        tell(tmp_path, IterationStart(iteration_number=1, agent="claude"), **ids)
        for model, n in models.items():
            used = LlmUsage(scope="request", model=model, prompt_tokens=n, cache_read_tokens=n,
                            completion_tokens=n, total_tokens=n)  # fmt: skip
            tell(tmp_path, used, **ids)
    shown = cells("usage_report", "sessions-table", paths=[str(tmp_path)])
    (models_, sessions) = (
        BeautifulSoup(str(block.html), "html.parser").select("tbody tr")
        for block in shown if "By model" in str(getattr(block, "html", ""))
        or "the dearest first" in str(getattr(block, "html", ""))
    )  # fmt: skip
    rates = {row.select("td")[0].text: row.select("td")[3].text for row in models_}
    assert rates == {"busy": "100%", "idle": "—", "m": "—", "n": "—"}
    assert {row.select("td")[3].text: row.select("td")[-1].text for row in sessions} == {
        "a": "busy",
        "b": "—",
        "c": "—",
    }


# --- a copy --------------------------------------------------------------------------------------


def shell(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(command, arguments, standalone_mode=False)
    if isinstance(ran.exception, BadInputError):
        return 2, str(ran.exception)
    assert ran.exception is None, ran.exception
    return 0, ran.stdout


def test_the_list_names_each_with_one_line() -> None:
    code, printed = shell()
    assert code == 0
    for name in NOTEBOOKS:
        (line,) = [line for line in printed.splitlines() if line.split()[:1] == [name]]
        assert len(line.split()) > 2


def test_a_copy_runs_where_it_lies_and_is_not_written_over(
    usage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(usage)
    assert shell("usage_report") == (0, "Notebook: usage_report.ipynb\n")
    copy = usage / "usage_report.ipynb"
    source = build_report(".", tmp_path / "page.html", notebook=copy).read_text()
    text = said(source)
    assert "3 sessions cost at least $1.50 at list price." in text
    assert "Begun from 2 January 2026 to 5 March 2026, in UTC." in text
    for told in ("requests: 2 without a price", "50% of input from cache", "3 failed", "6 deleted"):
        assert told in text
    assert "a/shop" in text
    assert "b/shop" in text
    assert SCRIPT not in source
    assert IMAGE not in source
    copy.write_text("mine")
    code, told = shell("usage_report")
    assert code == 2
    assert "usage_report.ipynb is there already and was kept" in told
    assert copy.read_text() == "mine"


def test_a_copy_goes_where_it_is_told(tmp_path: Path) -> None:
    assert shell("first_steps", "-o", str(tmp_path))[0] == 0
    named = tmp_path / "new" / "mine.ipynb"
    assert shell("first_steps", "-o", str(named))[0] == 0
    assert named.read_bytes() == NOTEBOOKS["first_steps"].read_bytes()
    assert (tmp_path / "first_steps.ipynb").is_file()
    for wrong, message in (
        (("x",), "no notebook 'x': choose from benchmark_report, "),
        (("first_steps", "-o", "mine.txt"), "a notebook's name ends in .ipynb"),
        (("-o", "mine.ipynb"), "which notebook?"),
    ):
        code, told = shell(*wrong)
        assert code == 2
        assert message in told
