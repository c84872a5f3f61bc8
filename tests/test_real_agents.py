"""Real agent CLIs, driven by a scripted LLM through `ampmetrics bench`: what the JSONL says is what
the server sent and git saw.

`make test-agents` installs the CLIs and runs this; without them it is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from real.recipes import RECIPES, environment
from real.scripted_llm import Server, basic
from real.scripted_llm.script import FILES

from ampmetrics.tables import connect, query

INSTALLED = Path(os.environ.get("AMPMETRICS_AGENTS", "build/agents")).absolute()
PRICE = (2324 * 3 + 27529 * 0.30 + 5794 * 3.75 + 520 * 15) / 1e6
"""Of the basic script at the list prices of Claude Sonnet 4.5, USD."""
SUITE = """\
name: Real
cases:
- id: calc
  repo: calc
  prompt: Fix the add function in calc.py and run the tests.
  timeoutSec: 120
  successCommand: python3 test_calc.py
"""


@pytest.fixture(scope="module", params=RECIPES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One trial of the basic script by one agent: (agent, connection, truth)."""
    agent = request.param
    programs = INSTALLED / agent / "node_modules" / ".bin"
    if not programs.is_dir():
        pytest.skip(f"{agent} is not installed: make test-agents")
    folder = tmp_path_factory.mktemp(agent)
    home = folder / "home"
    (folder / "calc").mkdir()
    home.mkdir()
    for name, text in FILES.items():
        (folder / "calc" / name).write_text(text)
    (folder / "calc" / ".gitignore").write_text("__pycache__/\n")
    (folder / "suite.yaml").write_text(SUITE)
    recipe = RECIPES[agent]
    with Server() as server:
        session = server.session(agent, basic(recipe.usages, bad_patch=agent == "codex"))
        keep = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        env = {**keep, "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb"}
        env |= environment(agent, home, session)
        env["PATH"] = f"{programs}:{keep['PATH']}"
        model = ["--model", recipe.model] if recipe.model else []
        command = [sys.executable, "-m", "ampmetrics", "bench", "suite.yaml", "--agent", agent]
        ran = subprocess.run(
            [*command, *model, "-o", "out"], cwd=folder, env=env, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        truth = session.truth()
    with closing(connect(folder / "out")) as con:
        yield agent, con, truth


def ask(con: Any, sql: str) -> list[tuple[Any, ...]]:
    return query(con, sql)[1]


def test_the_tokens_are_those_that_the_server_sent(run: Any) -> None:
    agent, con, truth = run
    columns = ("uncached_tokens", "cache_read_tokens", "cache_write_tokens", "completion_tokens")
    sums = ", ".join(f"coalesce(sum({column}), 0)::BIGINT" for column in columns)
    (found,) = ask(con, f"select {sums} from llm_usage")
    keys = ("input", "cache_read", "cache_write", "output")
    assert found == tuple(truth["tokens"][key] for key in keys)
    ((least, most),) = ask(con, "select sum(total_tokens), sum(prompt_tokens) from llm_usage")
    assert least == sum(found)
    assert most == sum(found[:3])
    ((reasoning,),) = ask(con, "select sum(reasoning_tokens) from llm_usage")
    assert reasoning in (None, truth["tokens"]["reasoning"])
    assert agent not in ("codex", "gemini") or reasoning == truth["tokens"]["reasoning"]


def test_the_cost_is_the_list_price_or_not_known(run: Any) -> None:
    agent, con, _ = run
    ((cost, reported, unpriced),) = ask(
        con,
        "select sum(cost_usd), sum(reported_cost_usd), count(*) - count(cost_usd) from llm_usage",
    )
    recipe = RECIPES[agent]
    assert (cost is not None) == recipe.priced
    assert (unpriced == 0) == recipe.priced
    assert (reported is not None) == recipe.reports_cost
    for known in (cost, reported):
        assert known is None or agent == "gemini" or known == pytest.approx(PRICE)


def test_the_calls_are_those_that_the_server_asked_for(run: Any) -> None:
    agent, con, truth = run
    calls = ask(con, "select tool_name, success, exit_code, duration_ms from tool_calls")
    if agent != "codex":
        asked: dict[str, int] = truth["tool_calls_by_name"]
        names = [name for name, *_ in calls]
        assert {name: names.count(name) for name in set(names)} == asked
        told = [success for _, success, *_ in calls if success is not None]
        assert told.count(False) == (1 if agent == "gemini" else 2)
    else:
        # One patch edits both files; a patch that does not apply is not in the stream.
        assert [name for name, *_ in calls].count("file_change") == 1
    assert all(duration is not None and duration >= 0 for *_, duration in calls)


def test_the_edits_are_those_that_git_saw(run: Any) -> None:
    _, con, _ = run
    edits = "select operation, path, lines_added, lines_deleted from file_edits order by path"
    assert ask(con, edits) == [("create", "NOTES.md", 3, 0), ("modify", "calc.py", 1, 1)]


def test_the_trial_passed_and_nothing_was_unreadable(run: Any) -> None:
    agent, con, _ = run
    trial = "select agent, outcome, agent_version is not null from trials"
    assert ask(con, trial) == [(agent, "passed", agent != "pi")]
    end = "select status, unreadable_stream_lines, agent_session_id is not null from iterations"
    assert ask(con, end) == [("success", 0, True)]
