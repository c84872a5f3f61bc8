"""Real agent CLIs where it is hard: threads that go on, agents that are killed, answers that are
cut, sub-agents. What the adapter tells is what the server sent.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from real.driving import DRIVEN, Ran, agent_environment, drive, has
from real.recipes import RECIPES
from real.scripted_llm import Server, Session, Step, Usage, create, read, shell, task, tool
from real.scripted_llm.script import ANTHROPIC_USAGE, PROMPT

from ampmetrics.agents import AGENTS
from ampmetrics.importers import SOURCES, Imported, Wanted, find, import_files
from ampmetrics.tables import connect

MORE = "Look at it once more."
SUBTASK = "Write FUNCS.md, one line a function."
FUNCS = create("FUNCS.md", "add(a, b)\nmul(a, b)\n")
Truth = dict[str, Any]


def needs(agent: str) -> None:
    if not has(agent):
        pytest.skip(f"{agent} is not installed: make test-agents")


def usage(agent: str, index: int) -> Usage:
    return RECIPES[agent].usages[index]


def look(agent: str, index: int = 0) -> Step:
    return Step("I look at the file.", calls=(read("calc.py"),), usage=usage(agent, index))


def end(agent: str, index: int = 5) -> Step:
    return Step("Done.", usage=usage(agent, index))


def classes(tokens: dict[str, int]) -> dict[str, int]:
    return {key: n for key, n in tokens.items() if key != "reasoning"}


def difference(whole: Truth, part: Truth) -> dict[str, int]:
    return {key: n - part["tokens"][key] for key, n in classes(whole["tokens"]).items()}


def imported(agent: str, folder: Path, session: Session, home: dict[str, str]) -> Imported:
    """What the agent keeps, or for Amp its server, as `ampmetrics import` brings it."""
    kept = SOURCES[agent].places(folder / "home", home)
    if agent == "amp":
        kept = [folder / f"{thread}.json" for thread in session.threads]
        for path in kept:
            path.write_text(json.dumps(session.threads[path.stem]))
    files = find([path for path in kept if path.exists()], SOURCES[agent])[SOURCES[agent]]
    return import_files(SOURCES[agent], files, folder / "imported", wanted=Wanted())


@pytest.mark.parametrize("agent", [name for name in DRIVEN if AGENTS[name].continues])
def test_an_imported_session_goes_on_and_stays_one(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own CLI began it; the model is told all that was said, and each request counts once."""
    needs(agent)
    steps = [look(agent, 0), end(agent, 2), look(agent, 1), end(agent, 5)]
    asked: dict[int | None, str] = {}
    with Server() as server:
        session = server.session(agent, steps)
        answer = session.answer

        def heard(api: Any, path: str, body: Truth) -> Any:
            step, request, reply = answer(api, path, body)
            if request.script == "main":
                asked[request.step] = json.dumps(body)
            return step, request, reply

        monkeypatch.setattr(session, "answer", heard)
        first = drive(agent, tmp_path, session)
        half = session.truth()
        env = agent_environment(agent, tmp_path / "home", session)
        assert imported(agent, tmp_path, session, env).sessions == {"new": 1}
        (file,) = (tmp_path / "imported" / agent).glob("*.jsonl")
        model = ["--model", RECIPES[agent].model] if RECIPES[agent].model else []
        ran = subprocess.run(
            [sys.executable, "-m", "ampmetrics", "iterate", str(file), "-p", MORE, *model],
            cwd=tmp_path, env=env | {"AMPMETRICS_STATE": str(tmp_path / "state")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        whole = session.truth()
        again = imported(agent, tmp_path, session, env)
    assert first.tokens == classes(half["tokens"])
    assert whole["steps_left"] == 0
    assert MORE not in asked[1]
    assert all(words in asked[2] for words in (PROMPT, "I look at the file.", MORE))
    assert again.left_out["iterations that `ampmetrics iterate` has recorded itself"] == 1
    with closing(connect(tmp_path / "imported")) as con:
        (thread,) = con.sql("SELECT agent_session_id, iterations, status FROM sessions").fetchall()
        assert thread == (first.stream.agent_session_id, 2, "success")
        by_iteration = con.sql(
            "SELECT iteration_number, sum(uncached_tokens), sum(cache_read_tokens), "
            "coalesce(sum(cache_write_tokens), 0), sum(completion_tokens) FROM llm_usage "
            "JOIN iterations USING (iteration_id) GROUP BY 1 ORDER BY 1"
        ).fetchall()
        calls = "SELECT iteration_number FROM tool_calls JOIN iterations USING (iteration_id)"
        assert sorted(con.sql(calls).fetchall()) == [(1,), (2,)]
    sent = [classes(half["tokens"]), difference(whole, half)]
    assert [tuple(map(int, row)) for row in by_iteration] == [
        (number, *(tokens[key] for key in ("input", "cache_read", "cache_write", "output")))
        for number, tokens in enumerate(sent, 1)
    ]


def killed(agent: str, folder: Path) -> tuple[Ran, Truth]:
    """Ended while the model hangs in its second answer."""
    with Server() as server:
        session = server.session(
            agent, [look(agent), Step("Never.", usage=usage(agent, 1), hang=True)]
        )

        def hangs() -> bool:
            return sum(request.step == 1 for request in session.requests) > 0

        return drive(agent, folder, session, kill_when=_later(hangs)), session.truth()


def _later(is_so: Callable[[], bool], looks: int = 20) -> Callable[[], bool]:
    """So for a second by now: what was under way is written."""
    left = looks

    def waited() -> bool:
        nonlocal left
        left -= is_so()
        return left <= 0

    return waited


@pytest.mark.parametrize("agent", DRIVEN)
def test_an_agent_that_is_killed_has_told_what_it_could(agent: str, tmp_path: Path) -> None:
    needs(agent)
    ran, truth = killed(agent, tmp_path)
    sent, begun = classes(truth["tokens"]), classes(truth["tokens_begun"])
    assert sent["input"] > 0
    if agent == "gemini":
        assert ran.usages == [], "it tells its tokens when it ends"
    elif agent == "claude":
        # The answer that hung had told its input; how much of its output was made nobody knows.
        both = {key: sent[key] + begun[key] for key in sent}
        assert ran.tokens == both | {"output": sent["output"]}
        assert [usage.completion_tokens for usage in ran.usages] == [sent["output"], None]
    else:
        assert ran.tokens == sent
    assert [call.success for call in ran.calls] == [True]
    assert ran.unreadable == 0
    assert ran.stream.error or not ran.stream.finished


@pytest.mark.parametrize("agent", DRIVEN)
def test_commands_that_run_at_once_are_paired(agent: str, tmp_path: Path) -> None:
    needs(agent)
    calls = tuple(shell(f"sleep 0.{n}; echo part {n}; exit {n}") for n in (3, 2, 1))
    with Server() as server:
        session = server.session(
            agent, [Step("All.", calls=calls, usage=usage(agent, 0)), end(agent)]
        )
        ran = drive(agent, tmp_path, session)
        truth = session.truth()
    assert ran.tokens == classes(truth["tokens"])
    given = {
        str(call["args"]): call for call in truth["tool_calls"] if "sleep" in str(call["args"])
    }
    found = [call for call in ran.calls if "sleep" in str(call.args)]
    assert len(found) == len(given) == 3
    for call in found:
        (n,) = [n for n in (1, 2, 3) if f"echo part {n}" in str(call.args)]
        assert call.exit_code == (None if agent in ("gemini", "pi") else n)
        assert call.success is (None if agent == "gemini" else False)


def test_claude_tells_how_long_a_request_took(tmp_path: Path) -> None:
    needs("claude")
    with Server() as server:
        slow = Step("Done.", usage=ANTHROPIC_USAGE[0], delay=0.7)
        session = server.session("claude", [slow])
        ran = drive("claude", tmp_path, session)
    (latency,) = [each.latency_ms for each in ran.usages if each.scope == "request"]
    assert latency is not None
    assert latency >= 700


def test_claude_counts_an_answer_that_was_cut_with_what_it_had_begun(tmp_path: Path) -> None:
    needs("claude")
    with Server() as server:
        cut = Step("Cut off here.", usage=ANTHROPIC_USAGE[1], cut=True)
        session = server.session("claude", [look("claude"), cut, end("claude")])
        ran = drive("claude", tmp_path, session)
        truth = session.truth()
    sent, begun = classes(truth["tokens"]), classes(truth["tokens_begun"])
    assert begun["input"] > 0
    assert ran.tokens == {key: sent[key] + begun[key] for key in sent}


def delegating(agent: str, folder: Path) -> tuple[Ran, Truth]:
    """A sub-agent writes a file. Claude Code's works in the background: the main one answers while
    it waits, and once more. Gemini's ends by a tool of its own.
    """
    begin = Step("I hand a part over.", calls=(task(SUBTASK),), usage=usage(agent, 0))
    waiting = [end(agent, 2)] if agent == "claude" else []
    done = (tool("complete_task", result={"response": "Written."}),) if agent == "gemini" else ()
    sub = [
        Step("I write it.", calls=(FUNCS,), usage=Usage(301, 0, 0, 41)),
        Step("Written.", calls=done, usage=Usage(307, 0, 0, 43)),
    ]
    with Server() as server:
        session = server.session(agent, [begin, *waiting, end(agent)], subs={"sub": (SUBTASK, sub)})
        ran = drive(agent, folder, session)
        truth = session.truth()
    assert (folder / "work" / "FUNCS.md").exists()
    assert truth["steps_left"] == 0
    assert classes(truth["tokens_by_script"]["sub"])["input"] == 608
    return ran, truth


@pytest.mark.parametrize("agent", ["claude", "gemini"])
def test_the_tokens_of_a_sub_agent_are_in_the_sum(agent: str, tmp_path: Path) -> None:
    needs(agent)
    ran, truth = delegating(agent, tmp_path)
    assert ran.tokens == classes(truth["tokens"])
    assert [each.scope for each in ran.usages if each.scope == "not_visible"] == []


def test_claude_s_sub_agent_is_told_apart_by_the_call_that_started_it(tmp_path: Path) -> None:
    needs("claude")
    ran, truth = delegating("claude", tmp_path)
    (call,) = [each for each in truth["tool_calls"] if "task" in each["ops"]]
    own = [each for each in ran.usages if each.parent_tool_call_id == call["id"]]
    assert sum(each.uncached_tokens or 0 for each in own) == 608
    assert sum(each.completion_tokens or 0 for each in own) == 84
    costs = [each.reported_cost_usd for each in ran.usages if each.reported_cost_usd]
    assert sum(costs) == pytest.approx(sum(each.cost_usd or 0 for each in ran.usages))


@pytest.mark.parametrize("agent", ["amp", "opencode"])
def test_a_sub_agent_out_of_sight_is_said_to_be_so(agent: str, tmp_path: Path) -> None:
    needs(agent)
    ran, truth = delegating(agent, tmp_path)
    assert ran.tokens == classes(truth["tokens_by_script"]["main"])
    (hidden,) = [each for each in ran.usages if each.scope == "not_visible"]
    (call,) = [each for each in truth["tool_calls"] if "task" in each["ops"]]
    assert hidden.parent_tool_call_id == call["id"]
    assert (hidden.prompt_tokens, hidden.completion_tokens) == (None, None)


def test_amp_s_helpers_are_said_to_be_out_of_sight(tmp_path: Path) -> None:
    needs("amp")
    finder, oracle = tool("finder", query="Where is add?"), tool("oracle", task="Is add right?")
    steps = [
        Step("I search.", calls=(finder,), usage=ANTHROPIC_USAGE[0]),
        Step("I ask.", calls=(oracle,), usage=ANTHROPIC_USAGE[1]),
        end("amp"),
    ]
    subs = {
        "finder": ("Where is add?", [Step("In calc.py.", usage=Usage(401, 0, 0, 17))]),
        "oracle": ("Is add right?", [Step("It is not.", usage=Usage(409, 0, 0, 19))]),
    }
    with Server() as server:
        session = server.session("amp", steps, subs=subs)
        ran = drive("amp", tmp_path, session)
        truth = session.truth()
    assert ran.tokens == classes(truth["tokens_by_script"]["main"])
    hidden = {each.parent_tool_call_id for each in ran.usages if each.scope == "not_visible"}
    assert hidden == {
        call["id"] for call in truth["tool_calls"] if call["name"] in ("finder", "oracle")
    }
