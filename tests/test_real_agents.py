"""Real agent CLIs, driven by a scripted LLM through `ampmetrics bench`: what the JSONL says is what
the server sent and git saw.

`make test` installs the two that are small, `make test-agents` all; those that are not there are
skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from real.driving import DRIVEN, agent_environment, has, write_files
from real.recipes import RECIPES
from real.scripted_llm import Server, basic

from ampmetrics.agents.said import said
from ampmetrics.tables import connect, query

PRICE = (2324 * 3 + 27529 * 0.30 + 5794 * 3.75 + 520 * 15) / 1e6
"""Of the basic script at the list prices of Claude Sonnet 4.5, USD."""
OTHER_PRICE = {"codex", "gemini"}
"""These ask models of other prices."""
OWN_IDS = {"codex", "gemini"}
"""These have ids of their own for the calls."""
EDITS = {"calc.py": ("modify", 1, 1), "NOTES.md": ("create", 3, 0)}
SUITE = """\
name: Real
cases:
- id: calc
  repo: calc
  prompt: Fix the add function in calc.py and run the tests.
  timeoutSec: 120
  successCommand: python3 test_calc.py
"""


# One worker has all tests of an agent, so that each trial is run once.
AGENTS = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in DRIVEN]


@pytest.fixture(scope="module", params=AGENTS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One trial of the basic script by one agent: (agent, connection, truth)."""
    agent = request.param
    if not has(agent):
        pytest.skip(f"{agent} is not installed: make test-agents")
    folder = tmp_path_factory.mktemp(agent)
    (write_files(folder / "calc") / ".gitignore").write_text("__pycache__/\n")
    (folder / "suite.yaml").write_text(SUITE)
    recipe = RECIPES[agent]
    with Server() as server:
        session = server.session(agent, basic(recipe.usages, bad_patch=agent == "codex"))
        model = ["--model", recipe.model] if recipe.model else []
        command = [sys.executable, "-m", "ampmetrics", "bench", "suite.yaml", "--agent", agent]
        ran = subprocess.run(
            [*command, *model, "-o", "out"], cwd=folder,
            env=agent_environment(agent, folder / "home", session),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        truth = session.truth()
    with closing(connect(folder / "out")) as con:
        yield agent, con, truth


def ask(con: Any, sql: str) -> list[tuple[Any, ...]]:
    return query(con, sql)[1]


def test_the_server_was_asked_for_the_whole_script_and_no_more(run: Any) -> None:
    _, _, truth = run
    assert truth["steps_left"] == 0
    assert "exhausted" not in truth["requests_by_script"]


def test_the_tokens_are_those_that_the_server_sent(run: Any) -> None:
    agent, con, truth = run
    columns = ("uncached_tokens", "cache_read_tokens", "cache_write_tokens", "completion_tokens")
    sums = ", ".join(f"coalesce(sum({column}), 0)::BIGINT" for column in columns)
    (found,) = ask(con, f"select {sums} from llm_usage")
    keys = ("input", "cache_read", "cache_write", "output")
    assert found == tuple(truth["tokens"][key] for key in keys)
    ((total, prompt),) = ask(con, "select sum(total_tokens), sum(prompt_tokens) from llm_usage")
    assert total == sum(found)
    assert prompt == sum(found[:3])
    ((reasoning,),) = ask(con, "select sum(reasoning_tokens) from llm_usage")
    assert reasoning in (None, truth["tokens"]["reasoning"])
    assert agent not in ("codex", "gemini") or reasoning == truth["tokens"]["reasoning"]


def test_every_request_is_told_where_the_stream_has_it(run: Any) -> None:
    agent, con, truth = run
    told = ask(
        con, "select prompt_tokens, completion_tokens from llm_usage where scope = 'request'"
    )
    sent = [
        (sum(one["usage"][key] for key in ("input", "cache_read", "cache_write")),
         one["usage"]["output"])
        for one in truth["requests"] if one["script"] == "main"
    ]  # fmt: skip
    assert told == ([] if agent == "gemini" else sent)


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
        assert known is None or agent in OTHER_PRICE or known == pytest.approx(PRICE)


def test_its_words_are_those_that_the_server_sent(run: Any) -> None:
    agent, con, _ = run
    ((file,),) = ask(con, "select distinct file from trials")
    (log,) = (Path(file).parent / "logs").glob("*.stdout.log")
    with log.open("rb") as lines:
        told = list(said(lines))
    # What mini-swe-agent prints is made for a terminal.
    texts = [step.text for step in basic() if step.text] if agent != "mini" else []
    assert told == texts


def test_the_calls_are_those_that_the_server_asked_for(run: Any) -> None:
    agent, con, truth = run
    calls = ask(con, "select tool_name, success, exit_code, duration_ms from tool_calls")
    asked: dict[str, int] = truth["tool_calls_by_name"]
    names = [name for name, *_ in calls]
    if agent == "codex":
        # One patch edits both files; a patch that does not apply is not in the stream.
        asked = {"file_change": 1, "command_execution": 3}
    assert {name: names.count(name) for name in set(names)} == asked
    told = [success for _, success, *_ in calls if success is not None]
    assert told.count(False) == (1 if agent in ("codex", "gemini") else 2)
    assert all(duration is not None and duration >= 0 for *_, duration in calls)


def test_the_calls_have_the_ids_that_the_server_gave(run: Any) -> None:
    agent, con, truth = run
    ids = {id_ for (id_,) in ask(con, "select tool_call_id from tool_calls")}
    given = {call["id"] for call in truth["tool_calls"]}
    assert len(ids) == len(given) - (agent == "codex")
    assert ids == given or agent in OWN_IDS


def test_the_net_changes_are_those_that_git_sees(run: Any) -> None:
    _, con, _ = run
    found = ask(con, "select path, operation, lines_added, lines_deleted from net_changes")
    assert {path: tuple(rest) for path, *rest in found} == EDITS


def test_every_edit_names_the_call_that_made_it(run: Any) -> None:
    agent, con, truth = run
    edits = ask(con, "select path, operation, tool_call_id, tool_call_ids from file_edits")
    assert {path: operation for path, operation, *_ in edits} == {
        path: operation for path, (operation, *_) in EDITS.items()
    }
    names = dict(ask(con, "select tool_call_id, tool_name from tool_calls"))
    for path, _, one, several in edits:
        ids = json.loads(several)
        assert one is None or ids == [one]
        op = "create" if path == "NOTES.md" else "edit"
        (call,) = [
            call for call in truth["tool_calls"]
            if op in call["ops"] and "does_not_exist" not in str(call["args"])
        ]  # fmt: skip
        if agent in OWN_IDS:
            name = "file_change" if agent == "codex" else call["name"]
            assert name in [names[id_] for id_ in ids]
        else:
            assert call["id"] in ids


def test_the_trial_passed_and_nothing_was_unreadable(run: Any) -> None:
    agent, con, _ = run
    trial = "select agent, outcome, agent_version is not null from trials"
    assert ask(con, trial) == [(agent, "passed", True)]
    end = "select status, unreadable_stream_lines, agent_session_id is not null from iterations"
    assert ask(con, end) == [("success", 0, agent != "mini")]


PROGRAM = """\
import pathlib, sys
prompt = sys.argv[2] if len(sys.argv) > 2 else sys.stdin.read()
pathlib.Path("calc.py").write_text(pathlib.Path("calc.py").read_text().replace("a - b", "a + b"))
pathlib.Path("prompt.txt").write_text(prompt + "\\n")
sys.stdout.buffer.write(b"no \\xff JSON {\\n")
sys.exit(3 if "bad" in sys.argv[1] else 0)
"""


@pytest.mark.parametrize("words", ["good", "good {prompt}", "bad"])
def test_any_program_is_measured_and_what_it_does_not_tell_is_null(
    tmp_path: Path, words: str
) -> None:
    write_files(tmp_path / "calc")
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "agent.py").write_text(PROGRAM)
    program = f"'{sys.executable}' '{tmp_path}/agent.py' {words}"
    command = [sys.executable, "-m", "ampmetrics", "bench", "suite.yaml", "--agent", "command"]
    ran = subprocess.run(
        [*command, "--agent-command", program, "-o", "out"], cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    with closing(connect(tmp_path / "out")) as con:
        outcome = "agent_error" if words == "bad" else "passed"
        assert ask(con, "select agent, agent_version, outcome from trials") == [
            ("command", None, outcome)
        ]
        changed = ask(con, "select path, lines_added from net_changes order by path")
        assert changed == [("calc.py", 1), ("prompt.txt", 1)]
        (diff,) = ask(con, "select diff from net_changes where path = 'prompt.txt'")
        assert "+Fix the add function in calc.py and run the tests." in diff[0]
        assert ask(con, "select count(*) from tool_calls") == [(0,)]
        assert ask(con, "select sum(total_tokens) from llm_usage") == [(None,)]
        ids = ask(con, "select distinct tool_call_id, tool_call_ids from file_edits")
        assert ids == [(None, None)]
        assert ask(con, "select unreadable_stream_lines from iterations") == [(0,)]
