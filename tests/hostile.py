"""A run whose every text is hostile, with all that can be unknown: what a report must survive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ampmetrics.events import (
    Event,
    FileEdit,
    IterationEnd,
    IterationStart,
    LlmUsage,
    Outcome,
    Record,
    RunEnd,
    RunStart,
    TestResult,
    ToolCall,
    TrialEnd,
    TrialStart,
    kind_of,
)  # fmt: skip
from ampmetrics.jsonl import EventFile

SCRIPT = "</script><script>window.pwned = 1</script>"
IMAGE = "<img src=x onerror='window.pwned = 1'>"
CASES = [SCRIPT, "{{ 7 * 7 }}", "a-very-long-name-" * 12, "\"quoted\" & 'single' \\ back\u2028line"]
VARIANTS = [f"one {SCRIPT}", "two {{x}} $1 and $2"]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def write_hostile_run(folder: Path) -> Path:
    """One file: 4 cases by 2 variants by 2 trials, one of them unfinished, and a torn last line."""
    file = folder / "hostile-metrics.jsonl"
    with EventFile(file) as events:
        run = RunStart(suite=f"Suite {SCRIPT}", agent=IMAGE, agent_is_sample=True, repeats=2)
        events.append(Event(type="run_start", timestamp=NOW, run_id="r", data=run))
        for c, case in enumerate(CASES):
            for v, variant in enumerate(VARIANTS):
                for trial in (1, 2):
                    for record in _trial(c, v, trial):
                        events.append(
                            Event(type=kind_of(record), timestamp=NOW, run_id="r", case_id=case,
                                  variant=variant, trial=trial, session_id=f"s{c}{v}{trial}",
                                  iteration_id="i", data=record)
                        )  # fmt: skip
        end = RunEnd(status="completed", duration_ms=60_000.0)
        events.append(Event(type="run_end", timestamp=NOW, run_id="r", data=end))
    with file.open("ab") as torn:
        torn.write(b"garbage " + SCRIPT.encode() + b'\n{"type": "tool_call", "ses')
    return file


def _trial(c: int, v: int, trial: int) -> list[Record]:
    outcome = list(Outcome)[(c * 2 + v + trial) % len(Outcome)]
    priced = v == 0
    begun: list[Record] = [
        TrialStart(agent=IMAGE, model="m"),
        IterationStart(iteration_number=1),
        LlmUsage(
            model=SCRIPT if priced else None, prompt_tokens=1000, completion_tokens=10,
            total_tokens=1010, uncached_tokens=100 if priced else None,
            cache_read_tokens=900 if priced else None, cost_usd=0.01 * (c + 1) if priced else None,
            cost_source="computed" if priced else f"no price for {IMAGE}",
        ),
        ToolCall(
            tool_name=SCRIPT, args={"q": IMAGE}, started_at=NOW + timedelta(seconds=1),
            ended_at=NOW + timedelta(seconds=2 + c), duration_ms=1000.0 * (c + 1),
            success=c % 2 == 0,
        ),
        ToolCall(tool_name="{{tool}}", args={"q": SCRIPT}, started_at=NOW + timedelta(seconds=3)),
    ]  # fmt: skip
    if (c, v, trial) == (3, 1, 2):
        return begun
    return [
        *begun,
        FileEdit(path=f"src/{IMAGE}", operation="modify", lines_added=5 + c, lines_deleted=v),
        FileEdit(path="logo.png", operation="create", is_binary=True),
        IterationEnd(iteration_number=1, status="success", duration_ms=1000.0 * (c + 3)),
        TestResult(command=SCRIPT, started_at=NOW + timedelta(seconds=9), duration_ms=400.0,
                   exit_code=0),
        TrialEnd(outcome=outcome, success=outcome.success, reason=(IMAGE + SCRIPT) * 9,
                 duration_ms=9_000.0),
    ]  # fmt: skip
