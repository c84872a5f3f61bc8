"""How many events a second one core writes, beside a bare loop that does the same without us.

    python benchmarks/events.py

Ours: `Recorder.write`, records of a real run's kinds in about its mix, secrets of a usual environment
looked for in every line. The peer: `json.dumps` of the same data, already a dict, and `os.write`.
Both by turns in the same process, each append a write of its own to a file; the best of five turns
each. CPU time is that of the process, so what others do on the machine counts little.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

from ampmetrics.capture import Clock, Recorder, Secrets
from ampmetrics.events import Event, FileEdit, LlmUsage, Record, ToolCall, encode, kind_of
from ampmetrics.jsonl import EventFile

EVENTS = 40_000
TURNS = 5
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/home/somebody",
    "LANG": "C.UTF-8",
    "AMP_API_KEY": "sgamp_user_01ABCDEFGHJKMNPQRSTVWXYZ12_" + "0f1e" * 16,
    "ANTHROPIC_API_KEY": "sk-ant-api03-" + "Zx9-" * 24,
    "GITHUB_TOKEN": "ghp_" + "aB3" * 12,
    "AWS_SECRET_ACCESS_KEY": "abcd/EFGH+" * 4,
    "DB_PASSWORD": "correct-horse-1",
}
NOW = datetime.now(UTC)


def usage(n: int) -> Record:
    return LlmUsage(
        message_id=f"msg_01{n:022}", model="claude-sonnet-4-5-20250929", prompt_tokens=31_000 + n,
        completion_tokens=312, total_tokens=31_312 + n, uncached_tokens=12, cache_read_tokens=30_000,
        cache_write_tokens=988 + n, cost_usd=0.0153, cost_source="computed",
    )  # fmt: skip


def call(n: int) -> Record:
    commands = [
        {"command": "python -m pytest -q tests/test_parser.py -k 'not slow'", "cwd": "/repo"},
        {"path": "/repo/src/parser/expressions.py", "range": [1, 240]},
        {"pattern": "def parse_.*\\(", "path": "src", "glob": "**/*.py"},
    ]
    return ToolCall(
        tool_call_id=f"toolu_01{n:022}", tool_name=["Bash", "Read", "Grep"][n % 3],
        args=commands[n % 3], started_at=NOW, ended_at=NOW, duration_ms=1312.5, success=n % 7 != 0,
        error_message="exit code 1" if n % 7 == 0 else None,
    )  # fmt: skip


def edit(n: int) -> Record:
    body = "".join(f"+    value_{k} = compute(items[{k}], {n})\n" for k in range(12))
    diff = f"diff --git a/src/x{n}.py b/src/x{n}.py\n--- a/src/x{n}.py\n+++ b/src/x{n}.py\n@@ -1 +1,12 @@\n{body}"
    return FileEdit(
        path=f"src/x{n}.py", operation="modify", lines_added=12, lines_deleted=0, is_binary=False,
        diff=diff, diff_bytes=len(diff),
    )  # fmt: skip


MIX = [make(n) for n in range(20) for make in (usage, call, call, usage, call, edit)]


def ours(folder: Path) -> Callable[[], None]:
    file = EventFile(folder / "ours.jsonl")
    recorder = Recorder(
        file=file, clock=Clock(), secrets=Secrets.of(ENVIRONMENT), run_id=str(uuid.uuid4()),
        case_id="fix-parser", variant="amp", trial=1, session_id=str(uuid.uuid4()),
        iteration_id=str(uuid.uuid4()),
    )  # fmt: skip

    def write() -> None:
        for record in islice(cycle(MIX), EVENTS):
            recorder.write(record)

    return write


def bare(folder: Path) -> Callable[[], None]:
    fd = os.open(folder / "bare.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    event = Event(type=kind_of(MIX[0]), timestamp=NOW, run_id=str(uuid.uuid4()), data=MIX[0])
    envelope = json.loads(encode(event))
    lines = [{**envelope, "data": json.loads(encode(Event(
        type=kind_of(record), timestamp=NOW, data=record)))["data"]} for record in MIX]  # fmt: skip

    def write() -> None:
        for line in islice(cycle(lines), EVENTS):
            os.write(fd, json.dumps(line).encode() + b"\n")

    return write


def rate(write: Callable[[], None]) -> tuple[float, float]:
    """Events a second: of the wall clock, and of this process's time on its core."""
    wall, cpu = time.perf_counter(), time.process_time()
    write()
    return EVENTS / (time.perf_counter() - wall), EVENTS / (time.process_time() - cpu)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        writers = {
            "ampmetrics": ours(Path(temporary)),
            "json.dumps + os.write": bare(Path(temporary)),
        }
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in writers}
        for _ in range(TURNS):
            for name, write in writers.items():
                rates[name].append(rate(write))
        best = {name: [max(each) for each in zip(*of, strict=True)] for name, of in rates.items()}
    for name, (wall, cpu) in best.items():
        print(f"{name:24} {wall:10,.0f} events/s   {cpu:10,.0f} events/s of CPU time")
    mine, peer = best["ampmetrics"][1], best["json.dumps + os.write"][1]
    print(f"ampmetrics / bare loop: {mine / peer:.2f}")


if __name__ == "__main__":
    main()
