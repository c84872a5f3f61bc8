"""The explorer without a browser: what is picked counts everywhere, new lines come by themselves."""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import ipywidgets
import polars as pl
import pytest
from bs4 import BeautifulSoup
from explored import NOW, call, session, write
from hostile import IMAGE, SCRIPT, write_hostile_run
from ipywidgets import HTML, Widget
from polars.testing import assert_frame_equal

import ampmetrics as am
from ampmetrics import aggregates
from ampmetrics.aggregates.frame import frame
from ampmetrics.errors import BadInputError
from ampmetrics.events import (
    FileEdit,
    IterationEnd,
    IterationStart,
    LlmUsage,
    NetChange,
    RunStart,
    ToolCall,
    TrialEnd,
    TrialStart,
    UserMessage,
)
from ampmetrics.explorer import widget
from ampmetrics.explorer.picked import ALL
from ampmetrics.explorer.store import News, Store
from ampmetrics.explorer.widget import Explorer
from ampmetrics.tables.held import held

VIEWS = ("Outcome", "Timeline", "Tool calls", "Edits", "Tokens and cost")


@pytest.fixture(scope="module")
def folder(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample benchmark, and one session outside of it."""
    folder = tmp_path_factory.mktemp("explore")
    for file in sample_run.glob("*.jsonl"):
        shutil.copy(file, folder)
    session(
        folder / "alone.jsonl", "alone", UserMessage(message="do it"), call("Read"),
        call("Bash", after=2, success=False, exit_code=3, args={"cmd": "make"},
             error_message="no rule"),
        FileEdit(path="a.py", operation="modify", lines_added=1, lines_deleted=1,
                 diff="--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+new\n"),
        LlmUsage(model="m", scope="request", total_tokens=30, prompt_tokens=20,
                 completion_tokens=10),
    )  # fmt: skip
    return folder


@pytest.fixture
def explorer(folder: Path) -> Iterator[Explorer]:
    with closing(am.explore(folder)) as made:
        yield made


def pick(explorer: Explorer, **labels: str) -> None:
    """Choose by what is read in a list."""
    for name, label in labels.items():
        if name == "view":
            explorer.view.value = label
            continue
        widget = getattr(explorer, name, None) or explorer.filters[name]
        found = [value for text, value in widget.options if label in text]
        assert len(found) == 1, f"{label}: {[text for text, _ in widget.options]}"
        widget.value = found[0]


def spec(explorer: Explorer) -> dict[str, Any]:
    (output,) = explorer.picture.outputs
    found: dict[str, Any] = output["data"][am.theme.VEGA_MIME]
    return found


def shown(explorer: Explorer) -> str:
    """All text at the right."""
    parts = (explorer.sums, explorer.above, explorer.rows.body)
    texts = (BeautifulSoup(part.value, "html.parser").get_text(" ") for part in parts)
    return " ".join(" ".join(texts).split())


def test_what_is_picked_counts_in_every_view(explorer: Explorer, folder: Path) -> None:
    assert explorer.view.options == VIEWS
    # Not every request of the sample tells its tokens or has a price.
    assert "Tokens ≥ " in shown(explorer)
    assert "Cost ≥ $" in shown(explorer)
    pick(explorer, case="csv-quoting", variant="high")
    with closing(am.connect(folder)) as con:
        whole = {
            name: question(con).filter(pl.col("case_id") == "csv-quoting", pl.col("variant") == "high")
            for name, question in (
                ("trials", aggregates.trials),
                ("tools", lambda con: aggregates.tool_usage(con, ["tool_name", "case_id", "variant"])),
                ("edits", lambda con: aggregates.file_edits(con, ["path", "case_id", "variant"])),
                ("tokens", lambda con: aggregates.tokens(con, ["model", "case_id", "variant"])),
            )
        }  # fmt: skip
    trials = whole["trials"].height
    assert f"Trials {trials}" in shown(explorer)
    assert "redact-secrets" not in shown(explorer)
    for view, said in (
        ("Outcome", f"Grid of {trials} trial"),
        ("Timeline", "trial"),
        ("Tool calls", f"{whole['tools']['n_calls'].sum():,} call"),
        ("Edits", f"{whole['edits']['net_added'].sum():,} added"),
        ("Tokens and cost", f"{whole['tokens']['total_tokens'].sum():,} tokens"),
    ):
        pick(explorer, view=view)
        if trials > 1 or view not in ("Outcome", "Timeline"):
            assert said in spec(explorer)["description"]
        assert "redact-secrets" not in shown(explorer)
    assert explorer.rows._panel is not None


def test_what_can_be_picked_follows_from_the_run(explorer: Explorer) -> None:
    everything = len(explorer.unit.options) - 1
    assert everything == 17
    pick(explorer, run="outside of a benchmark")
    assert [label for label, _ in explorer.filters["case"].options] == ["All", "not named"]
    assert len(explorer.unit.options) == 2
    assert "amp" in explorer.unit.options[1][0]
    pick(explorer, run="Everyday tasks")
    assert len(explorer.unit.options) == 17
    pick(explorer, case="csv-quoting", ended="passed")
    assert all("✓ csv-quoting" in label for label, _ in explorer.unit.options[1:])
    # What no longer is there is not picked any more; it is all again.
    pick(explorer, run="outside of a benchmark")
    assert explorer.filters["case"].value == ALL
    assert len(explorer.unit.options) == 2


def test_one_session_with_its_calls_edits_and_tokens(explorer: Explorer) -> None:
    pick(explorer, unit="amp")
    assert "do it" in shown(explorer)
    assert "success" in shown(explorer)
    pick(explorer, view="Timeline")
    assert "Timeline of 2 calls in 2 lanes" in spec(explorer)["description"]
    # It is a web site, to which the data would go.
    assert spec(explorer)["usermeta"]["embedOptions"]["actions"]["editor"] is False
    pick(explorer, view="Tool calls")
    for text in ("Bash", "make", "exit code 3", "no rule", "succeeded", "202 ms"):
        assert text in shown(explorer)
    pick(explorer, view="Edits")
    page = BeautifulSoup(explorer.rows.body.value, "html.parser")
    assert [page.find(tag).get_text() for tag in ("del", "ins")] == ["-old\n", "+new\n"]
    pick(explorer, view="Tokens and cost")
    assert "30 tokens in all" in spec(explorer)["description"]
    # It has no price: a cost is not known, and not 0.
    assert "Cost unknown" in shown(explorer)


def test_a_table_sorts_both_ways_with_unknown_last(tmp_path: Path) -> None:
    calls = [call("Read", after=1 + i * 7 % 90) for i in range(90)]
    session(tmp_path / "a.jsonl", "s", *calls, ToolCall(tool_name="Open", started_at=NOW))
    with closing(am.explore(tmp_path)) as explorer:
        pick(explorer, view="Tool calls")

        def column(name: str) -> list[str]:
            heads = re.findall(r"<th [^>]*>([^<]*)", explorer.rows.body.value)
            rows = explorer.rows.body.value.partition("<tbody>")[2].split("<tr>")[1:]
            texts = (re.split(r"<td[^>]*>", row)[1:] for row in rows)
            return [re.sub("<[^>]*>", "", cells[heads.index(name)]) for cells in texts]

        def click(label: str) -> None:
            (button,) = [b for b in explorer.rows.heads.children if b.description.startswith(label)]
            button.click()

        click("Took")
        assert column("Took")[:2] == ["201 ms", "202 ms"]
        click("Took")
        assert column("Took")[:2] == ["290 ms", "289 ms"]
        while not explorer.rows._after.disabled:
            explorer.rows._after.click()
        assert column("Took")[-2:] == ["201 ms", "—"]
        assert column("Tool")[-1] == "Open"
        # New lines leave the page as it is; what else is picked is seen from its beginning.
        write(tmp_path / "a.jsonl", call("Late", after=3))
        assert explorer.refresh()
        assert (explorer.rows.page, explorer.rows.by, explorer.rows.descending) == (
            2,
            "duration_ms",
            True,
        )
        explorer.unit.value = explorer.unit.options[1][1]
        assert explorer.rows.page == 0


def test_what_an_agent_wrote_is_text_and_nothing_else(tmp_path: Path) -> None:
    write_hostile_run(tmp_path)
    session(
        tmp_path / "b.jsonl", SCRIPT, UserMessage(message=IMAGE * 3),
        call(IMAGE, args={"q": SCRIPT * 40}, error_message=f"\x1b[31m{SCRIPT}"),
        FileEdit(path=SCRIPT, operation=IMAGE, diff=f"--- a\n+++ b\n@@ -1 +1 @@\n+{IMAGE}\n"),
    )  # fmt: skip
    with closing(am.explore(tmp_path)) as explorer:
        labels = [
            label
            for each in (*explorer.filters.values(), explorer.unit)
            for label, _ in each.options
        ]
        assert any("<script>" in label for label in labels)
        assert max(map(len, labels)) <= 70
        assert "\u2028" not in "".join(labels)
        for unit in (ALL, explorer.unit.options[1][1], explorer.unit.options[-1][1]):
            explorer.unit.value = unit
            seen = ""
            for view in VIEWS:
                pick(explorer, view=view)
                seen += shown(explorer)
                for page in htmls(explorer):
                    assert page.find_all(["script", "img", "iframe", "link", "object"]) == []
                    named = {name for tag in page.find_all(True) for name in tag.attrs}
                    assert not {name for name in named if name.startswith("on") or name == "src"}
            assert SCRIPT in seen
        # Else JupyterLab takes what stands between two dollars for a formula.
        for part in (explorer.sums, explorer.rows.body):
            assert part.value.startswith('<div class="am mathjax_ignore')
        # What is not held of a prompt of 50,000 characters is not hidden.
        explorer.unit.value = explorer.unit.options[1][1]
        pick(explorer, view="Outcome")
        assert "… (more than 3,900 characters)" in shown(explorer)
        assert f"passed: {IMAGE}" in shown(explorer)


def htmls(explorer: Explorer) -> Iterator[BeautifulSoup]:
    def below(widget: Widget) -> Iterator[Widget]:
        yield widget
        for child in getattr(widget, "children", ()):
            yield from below(child)

    for each in below(explorer):
        if isinstance(each, HTML):
            yield BeautifulSoup(each.value, "html.parser")


def test_new_lines_and_files_appear_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How often it looks is not what is asked here.
    monkeypatch.setattr(widget, "_LOOK_SEC", 0.02)
    monkeypatch.setattr(widget, "_SHARE", 0)
    first = session(tmp_path / "first.jsonl", "first", call("Read"))
    threads, widgets = threading.active_count(), len(ipywidgets.widgets.widget._instances)

    async def until(words: str, explorer: Explorer) -> None:
        while words not in shown(explorer):
            await asyncio.sleep(0.01)

    async def watch() -> None:
        explorer = am.explore(tmp_path)
        explorer._view_count = 1
        pick(explorer, view="Tool calls")
        assert "Tool calls 1" in shown(explorer)
        write(first, call("Grep", after=5), session="first")
        await until("Grep", explorer)
        assert "Tool calls 2" in shown(explorer)
        session(tmp_path / "second.jsonl", "second", call("Glob", after=9))
        await until("Glob", explorer)
        assert len(explorer.unit.options) == 3
        # What was picked stays picked.
        pick(explorer, unit="first")
        write(tmp_path / "second.jsonl", call("Task", after=10), session="second")
        write(first, call("Move", after=11), session="first")
        await until("Move", explorer)
        session(tmp_path / "third.jsonl", "third", call("Open"))
        while len(explorer.unit.options) < 4:
            await asyncio.sleep(0.01)
        assert "Grep" in shown(explorer)
        assert not {"Glob", "Open"} & set(shown(explorer).split())
        write(first, call("Last", after=12), session="first")
        await until("Last", explorer)
        (tmp_path / "second.jsonl").unlink()
        while len(explorer.unit.options) > 3:
            await asyncio.sleep(0.01)
        order = [label for label, _ in explorer.unit.options[1:]]
        assert order == sorted(order)
        for file in tmp_path.iterdir():
            file.unlink()
        while "nothing in 0 event files" not in explorer.status.value:
            await asyncio.sleep(0.01)
        for name in VIEWS:
            pick(explorer, view=name)
        explorer.close()
        await asyncio.wait([explorer._task])
        assert explorer._task.cancelled()

    asyncio.run(asyncio.wait_for(watch(), 60))
    assert threading.active_count() == threads
    assert len(ipywidgets.widgets.widget._instances) == widgets


def trial(folder: Path, case: str, *, variant: str = "v") -> Path:
    """A trial in a file of its own, with a call whose tool has the name of its case."""
    records = (
        TrialStart(agent="amp"),
        call(f"tool-{case}"),
        TrialEnd(outcome="passed", success=True),
    )
    return write(folder / f"{case}.jsonl", *records, run="r", case=case, trial=1, session=case,
                 variant=variant)  # fmt: skip


@pytest.mark.parametrize("given", [".", "*.jsonl"])
def test_behind_a_connection_files_that_come_later_are_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    trial(tmp_path, "m")
    with closing(am.connect(given)) as con, closing(am.explore(con)) as explorer:
        assert explorer.store.frames["units"]["case_id"].to_list() == ["m"]
        trial(tmp_path, "n")
        assert explorer.refresh()
        assert explorer.store.frames["units"]["case_id"].to_list() == ["m", "n"]
        assert explorer.store.n_files == 2
        assert not explorer.refresh()


def test_what_is_picked_stays_while_others_come_and_go(tmp_path: Path) -> None:
    picked = trial(tmp_path, "m")
    trial(tmp_path, "n")
    with closing(am.explore(tmp_path)) as explorer:
        pick(
            explorer, run="2026", case="m", variant="v", ended="passed", unit="m", view="Tool calls"
        )
        before = [widget.value for widget in (*explorer.filters.values(), explorer.unit)]
        drawn = explorer.picture.outputs
        # In every list they come before what is picked.
        trial(tmp_path, "a", variant="b")
        write(tmp_path / "b.jsonl", TrialStart(agent="amp"), call("tool-b"), case="b", run="later",
              variant="c", trial=1, session="b", at=NOW + timedelta(days=1))  # fmt: skip
        assert explorer.refresh()
        assert [widget.value for widget in (*explorer.filters.values(), explorer.unit)] == before
        # The same chart is not drawn again: it would flicker.
        assert explorer.picture.outputs is drawn
        days = [label[:10] for label, _ in explorer.filters["run"].options]
        assert days == ["All", "2026-01-03", "2026-01-02"]
        assert "Tool calls 1 " in shown(explorer)
        assert "tool-m" in shown(explorer)
        # What is held is what the files would give who reads them now.
        fresh = Store(tmp_path).frames
        assert_frame_equal(explorer.store.frames["units"], fresh["units"])
        for name, held_rows in explorer.store.frames.items():
            assert_frame_equal(held_rows, fresh[name], check_row_order=False)
        picked.unlink()
        assert explorer.refresh()
        assert explorer.filters["case"].value == explorer.unit.value == ALL
        assert "tool-n" in shown(explorer)
        assert "tool-m" not in shown(explorer)


def test_lists_are_answered_while_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial(tmp_path, "m")
    began, may_end = threading.Event(), threading.Event()

    async def watch() -> None:
        explorer = am.explore(tmp_path)
        explorer._view_count = 1
        read = explorer.store.news

        def slowly() -> News | None:
            began.set()
            assert may_end.wait(30)
            return read()

        monkeypatch.setattr(explorer.store, "news", slowly)
        trial(tmp_path, "n")
        looking = asyncio.create_task(explorer._look())
        while not began.is_set():
            await asyncio.sleep(0.01)
        pick(explorer, view="Tool calls")
        assert "tool-m" in shown(explorer)
        may_end.set()
        await looking
        assert "tool-n" in shown(explorer)
        explorer.close()

    try:
        asyncio.run(asyncio.wait_for(watch(), 60))
    finally:
        may_end.set()


def test_edits_that_were_not_seen_on_the_way(tmp_path: Path) -> None:
    net = NetChange(path="a.py", operation="modify", lines_added=1, lines_deleted=0,
                    diff="--- a\n+++ b\n@@ -1 +1,2 @@\n+in the end\n")  # fmt: skip
    session(tmp_path / "a.jsonl", "net", net)
    write(tmp_path / "b.jsonl", IterationStart(iteration_number=1, agent="pi"), session="unknown")
    session(tmp_path / "c.jsonl", "edited", net.__class__(path="b.py", diff="@@\n+net of b\n"),
            FileEdit(path="b.py", operation="modify", diff="@@ -1 +1,2 @@\n+on the way\n"))  # fmt: skip
    with closing(am.explore(tmp_path)) as explorer:
        pick(explorer, view="Edits")
        assert "+in the end" in shown(explorer)
        assert "+on the way" in shown(explorer)
        assert "net of b" not in shown(explorer)
        pick(explorer, unit="· net")
        assert "+in the end" in shown(explorer)
        # Nobody looked: that is not the same as none.
        pick(explorer, unit="unknown")
        assert "No edit is known." in shown(explorer)
        assert explorer.picture.outputs[0]["data"] == {}


def test_it_looks_only_while_somebody_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = session(tmp_path / "a.jsonl", "s", call("Read"))
    with closing(am.explore(tmp_path)) as explorer:
        assert explorer._task is None  # no loop runs here
        write(file, call("Grep", after=5))
        asyncio.run(explorer._look())
        assert explorer.store.frames["tool_calls"].height == 1
        explorer._view_count = 1
        explorer.following.value = False
        asyncio.run(explorer._look())
        assert explorer.store.frames["tool_calls"].height == 1
        explorer.following.value = True
        asyncio.run(explorer._look())
        assert explorer.store.frames["tool_calls"].height == 2
        assert explorer.refresh() is False
        with monkeypatch.context() as broken:
            broken.setattr(explorer.store, "news", lambda: 1 / 0)
            asyncio.run(explorer._look())
        assert "New lines cannot be shown: ZeroDivisionError" in explorer.status.value
        asyncio.run(explorer._look())
        assert "cannot" not in explorer.status.value


def test_a_connection_to_one_file_is_followed_in_it(tmp_path: Path) -> None:
    file = session(tmp_path / "a.jsonl", "s", call("Read"))
    with closing(am.connect(file)) as con, closing(am.explore(con)) as explorer:
        session(tmp_path / "b.jsonl", "other", call("Read"))
        assert not explorer.refresh()
        write(file, call("Grep", after=5))
        assert explorer.refresh()
        assert explorer.store.frames["tool_calls"]["tool_name"].to_list() == ["Read", "Grep"]


def test_trials_that_were_run_again_are_left_out_and_copies_stay_apart(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    start = TrialStart(agent="amp", suite="x", case_hash="h")
    write(file, start, call("Read"), run="one", case="c", trial=1, session="s1")
    end = TrialEnd(outcome="passed", success=True)
    later = NOW + timedelta(hours=1)
    write(file, RunStart(suite="x", resumes="one"), run="two", session=None, at=later)
    write(file, start, call("Grep"), end, run="two", case="c", trial=1, session="s2", at=later)
    shutil.copy(file, tmp_path / "copy.jsonl")
    with closing(am.explore(tmp_path)) as explorer:
        units = explorer.store.frames["units"]
        assert units["ended"].to_list() == ["passed", "passed"]
        assert units["file"].n_unique() == 2
        explorer.unit.value = explorer.unit.options[1][1]
        pick(explorer, view="Tool calls")
        assert "Tool calls 1" in shown(explorer)
        assert "Read" not in shown(explorer)


def test_what_has_no_start_no_session_or_no_end_is_shown(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", call("Read"), session=None)
    with file.open("ab") as torn:
        torn.write(b'{"type":"tool_call","sess')
    with closing(am.explore(file)) as explorer:
        assert len(explorer.unit.options) == 2
        explorer.unit.value = explorer.unit.options[1][1]
        for view in VIEWS:
            pick(explorer, view=view)
        pick(explorer, view="Tool calls")
        assert "Read" in shown(explorer)
        assert "unfinished" in explorer.unit.options[1][0]
        assert "1 line cannot be read." in explorer.status.value


def test_a_sum_that_leaves_a_start_or_an_end_out_is_a_lower_bound(tmp_path: Path) -> None:
    def used(tokens: int) -> LlmUsage:
        return LlmUsage(model="m", scope="request", total_tokens=tokens, prompt_tokens=tokens,
                        completion_tokens=0, cost_usd=0.1, cost_source="computed")  # fmt: skip

    session(tmp_path / "whole.jsonl", "whole", call("Read"), used(100))
    start = IterationStart(iteration_number=1, agent="amp")
    end = IterationEnd(iteration_number=1, duration_ms=9000.0)
    write(tmp_path / "told.jsonl", start, end, session="how it ended was not told")
    with closing(am.explore(tmp_path)) as explorer:
        assert "Tool calls 1 Tokens 100 Cost $0.1000" in shown(explorer)
        assert {"success", "not told"} == set(explorer.store.frames["units"]["ended"])
    write(tmp_path / "no_start.jsonl", call("Read"), used(5000), session="no start")
    with closing(am.explore(tmp_path)) as explorer:
        assert "Tool calls ≥ 1 Tokens ≥ 100 Cost ≥ $0.1000" in shown(explorer)
    (tmp_path / "no_start.jsonl").unlink()
    write(tmp_path / "no_end.jsonl", start, end, session="no end")
    write(
        tmp_path / "no_end.jsonl",
        start,
        call("Read"),
        call("Bash", success=False),
        session="no end",
        iteration="second",
    )
    with closing(am.explore(tmp_path)) as explorer:
        assert "Tool calls ≥ 3 ≥ 1 failed Tokens ≥ 100 Cost ≥ $0.1000" in shown(explorer)
        assert "unfinished" in set(explorer.store.frames["units"]["ended"])
        assert "2026-01-02 03:04:05 — ≥ 2 ≥ 1" in shown(explorer)


def test_it_says_what_is_wrong_with_a_path(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no event files"):
        am.explore(tmp_path)
    with pytest.raises(BadInputError, match="no such file"):
        am.explore([tmp_path / "nothing.jsonl"])


def test_held_rows_answer_like_the_files_they_are_of(folder: Path) -> None:
    with closing(am.connect(folder)) as con:
        views = ("trials", "sessions", "iterations", "tool_calls", "llm_usage", "file_edits",
                 "net_changes", "test_results")  # fmt: skip
        frames = {
            view: frame(con, view, [c.name for c in columns])
            for view, _, columns in am.tables.describe()
            if view in views
        }
        with closing(held(frames)) as mine:
            for question in (aggregates.trials, aggregates.sessions, aggregates.tool_usage,
                             aggregates.file_edits, aggregates.tokens, aggregates.cost):  # fmt: skip
                assert_frame_equal(question(mine), question(con))
            assert mine.execute("SELECT count(*) FROM user_messages").fetchall() == [(0,)]
            assert mine.execute("SELECT count(*) FROM event_files").fetchall() == [(0,)]
