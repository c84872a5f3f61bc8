"""ccusage and ampmetrics, side by side on the same folders: the same tokens, and why where not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sources import SHARED, records, tokens, told, write
from test_import_claude import CHAT, LATER, SESSION, chat, said, text, usage, user
from test_import_codex import (
    FORK,
    MODEL,
    PROMPT,
    THREAD,
    counted,
    event,
    meta,
    record,
    rollout,
    used,
)

from ampmetrics.importers import Source, find, source

# It is installed once: another worker would run it half installed.
pytestmark = pytest.mark.xdist_group("ccusage")

CCUSAGE = "20.0.24"
PLACE = Path(__file__).parents[1] / "build" / "ccusage"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def ccusage() -> Path:
    """Its program, installed once; without npm or a registry these tests are skipped.

    The program itself: the script that starts it was once seen to end with 0 and to print nothing.
    """
    modules = PLACE / CCUSAGE / "node_modules"
    if programs := list(modules.glob("@ccusage/*/bin/ccusage")):
        return programs[0]
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm to install ccusage with")
    command = [npm, "install", "--prefix", str(PLACE / CCUSAGE), "--no-audit", "--no-fund",
               "--loglevel=error", "--fetch-retries=1", f"ccusage@{CCUSAGE}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    programs = list(modules.glob("@ccusage/*/bin/ccusage"))
    if done.returncode or not programs:
        pytest.skip(f"ccusage cannot be installed: {done.stderr[-200:]}")
    programs[0].chmod(0o755)
    return programs[0]


def compact(folder: Path) -> None:
    """As the tools write: ccusage looks for words of the line without the spaces of ours."""
    for path in folder.rglob("*.jsonl"):
        values = map(json.loads, path.read_text().splitlines())
        path.write_text("".join(f"{json.dumps(v, separators=(',', ':'))}\n" for v in values))


def totals(program: Path, tool: str, folder: Path, **env: str) -> Json:
    """What ccusage says, with the prices that it brings along."""
    compact(folder)
    command = [str(program), tool, "session", "--offline", "--json"]
    environment = {**os.environ, "HOME": str(folder), **env}
    for _ in range(2):  # It was seen to fail once, and never again on the same files.
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if ran.returncode == 0 and ran.stdout:
            break
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout, "ccusage printed nothing, twice"
    found: Json = json.loads(ran.stdout)["totals"]
    return found


def ours(name: str, folder: Path) -> tuple[dict[str, int], float]:
    """Tokens and cost of all sessions."""
    mine: Source = source(name)
    sessions, _ = told(mine, *find([folder], mine)[mine])
    events = [event for each in sessions.values() for event in each]
    return tokens(events), sum(each.cost_usd for each in records(events, "llm_usage"))


def claude(program: Path, folder: Path) -> tuple[dict[str, int], float]:
    said_ = totals(program, "claude", folder, CLAUDE_CONFIG_DIR=str(folder))
    names = {"uncached": "inputTokens", "cache_read": "cacheReadTokens",
             "cache_write": "cacheCreationTokens", "completion": "outputTokens"}  # fmt: skip
    return {mine: said_[name] for mine, name in names.items()} | {"reasoning": 0}, said_[
        "totalCost"
    ]


def codex(program: Path, folder: Path) -> tuple[dict[str, int], float]:
    said_ = totals(program, "codex", folder, CODEX_HOME=str(folder))
    names = {"uncached": "inputTokens", "cache_read": "cacheReadTokens",
             "completion": "outputTokens", "reasoning": "reasoningOutputTokens"}  # fmt: skip
    return {mine: said_[name] for mine, name in names.items()} | {"cache_write": 0}, said_[
        "costUSD"
    ]


def test_claude_code(ccusage: Path, tmp_path: Path) -> None:
    """Lines of one message, copies of a file, hours of cache, its own words, sub-agents: the same."""
    path = chat(tmp_path)
    chat(tmp_path / "projects" / "copy" / "..")
    side = {"isSidechain": True, "agentId": "a1"}
    sub = path.parent / SESSION / "subagents" / "agent-a1.jsonl"
    write(
        sub, [user(2.2, "Look", **side), said(3.3, "s1", text("x"), usage(20), **side)], lines=True
    )
    own = {
        "id": "x",
        "model": "<synthetic>",
        "content": [text("API Error")],
        "usage": dict.fromkeys(usage(0), 0),
    }
    chat(
        tmp_path,
        [user(30, "Go"), {**said(31, "n", text("x"), usage(0)), "message": own},
         said(32, "n1", text("x"), usage(9, hour=100))],
        session=LATER,
    )  # fmt: skip
    if SHARED.is_dir():
        for sample in (SHARED / "agentcmd").glob("*claude*"):
            shutil.copy(sample, path.parent)
    theirs, mine = claude(ccusage, tmp_path), ours("claude", tmp_path)
    assert mine[0] == theirs[0]
    assert mine[1] == pytest.approx(theirs[1])


def test_claude_code_where_the_two_differ(ccusage: Path, tmp_path: Path) -> None:
    """A resumed session of 1.0.100 begins with a copy; where its lines have no id of the request,
    ccusage counts the copied messages again, and we know them by their lines' own ids."""
    old = [{k: v for k, v in each.items() if k != "requestId"} for each in CHAT[1:12]]
    copied = [{**each, "timestamp": "2026-03-02T10:00:00.000Z", "sessionId": LATER} for each in old]
    chat(tmp_path, old)
    chat(tmp_path, copied, session=LATER)
    theirs, mine = claude(ccusage, tmp_path)[0], ours("claude", tmp_path)[0]
    assert theirs == {name: 2 * count for name, count in mine.items()}


def test_claude_code_where_the_costs_differ(ccusage: Path, tmp_path: Path) -> None:
    """The tokens are the same. Beyond 200,000 tokens of input the list prices the whole request,
    ccusage what is beyond; it multiplies in fast mode, and takes nothing for an unknown model."""
    large = {**usage(1000, read=0, written=0), "input_tokens": 300_000}
    chat(tmp_path, [user(0, "Go"), said(1, "m1", text("x"), large)])
    theirs, mine = claude(ccusage, tmp_path), ours("claude", tmp_path)
    assert mine[0] == theirs[0]
    assert mine[1] == pytest.approx((300_000 * 6 + 1000 * 22.5) / 1e6)
    assert theirs[1] == pytest.approx((200_000 * 3 + 100_000 * 6 + 1000 * 15) / 1e6)
    message = {"id": "m2", "model": "my-model", "content": [text("x")], "usage": usage(10)}
    lines = [said(1, "m1", text("x"), {**usage(10), "speed": "fast"}),
             {**said(2, "m2", text("x"), usage(10)), "message": message}]  # fmt: skip
    chat(tmp_path, [user(0, "Go"), *lines])
    sessions, _ = told(source("claude"), *tmp_path.rglob("*.jsonl"))
    assert [(each.cost_usd, each.cost_source) for each in records(sessions[SESSION], "llm_usage")] == [
        (None, "fast mode has no list price"), (None, "no price for model my-model"),
    ]  # fmt: skip
    assert claude(ccusage, tmp_path)[1] > 0


def test_codex(ccusage: Path, tmp_path: Path) -> None:
    """Totals twice, without info, reset: the same."""
    first, second = used(1000, 0, 50, 10), used(1200, 900, 70)
    rollout(
        tmp_path, meta(), MODEL, PROMPT, event(2, "token_count", info=None),
        counted(3, first, first), counted(4, first, first),
        counted(5, used(2200, 900, 120, 10), second), counted(6, used(2200, 900, 120, 10), second),
        event(7, "user_message", message="More"), counted(8, first, first),
    )  # fmt: skip
    if SHARED.is_dir():
        (sample,) = (SHARED / "agentcmd").glob("*codex*")
        shutil.copy(sample, tmp_path / "sessions" / sample.name.removeprefix("agentcmd_codex_"))
    theirs, mine = codex(ccusage, tmp_path), ours("codex", tmp_path)
    assert mine[0] == theirs[0]
    assert mine[1] == pytest.approx(theirs[1])


def test_codex_where_the_two_differ(ccusage: Path, tmp_path: Path) -> None:
    """Killed within a call it has written the record of the response, but not its total yet;
    ccusage reads the totals only."""
    whole, cut = used(1000, 0, 50), used(1100, 1000, 60)
    rollout(tmp_path, meta(), MODEL, PROMPT, record(2, "r1", whole), counted(3, whole, whole))
    rollout(tmp_path, meta(FORK), MODEL, PROMPT, record(2, "r2", cut), thread=FORK)
    theirs, mine = codex(ccusage, tmp_path)[0], ours("codex", tmp_path)[0]
    assert (theirs["completion"], mine["completion"]) == (50, 110)
    assert THREAD != FORK
