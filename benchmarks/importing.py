"""How fast Claude Code transcripts are imported, beside ccusage, which only adds up their tokens.

    python benchmarks/importing.py [MB]          # 300 MB of sessions, in build/bench

Both by turns as whole processes, three turns; ccusage is installed into build/ccusage with npm, as
the tests do, and offline, so it takes the prices that it brings along. Ours writes every prompt,
call, edit and request as an event besides; `again` is the same import when nothing has changed. The
totals have to agree, or the exit code is 1. CPU is that of the process and its children, the peak
that of the largest of them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

BUILD = Path(__file__).parents[1] / "build"
CCUSAGE = "20.0.24"
TURNS = 3
MB = 1_000_000
WORDS = ["alpha", "return", "self", "const", "import", '"quoted"', "line\n", "\ttab", "def", "fuß",
         "=>", "{", "}", "path/to/file.py", "0.123", "error", "test"]  # fmt: skip


class Session:
    """Writes one session: prompts, answers of three lines each, a tool's result."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._random = random.Random(seed)
        self._id = self._uuid()
        self._path = folder / f"{self._id}.jsonl"
        self._at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=self._random.random() * 7000)

    def write(self, size: int) -> int:
        """About so many bytes; how many it were."""
        written = 0
        with self._path.open("w", encoding="utf-8") as file:
            while written < size:
                written += file.write("".join(map(self._line, self._turn())))
        return self._path.stat().st_size

    def _line(self, value: dict[str, Any]) -> str:
        self._at += timedelta(seconds=self._random.random() * 8)
        line = {
            "parentUuid": None, "isSidechain": False, "userType": "external", "cwd": "/home/dev/x",
            "sessionId": self._id, "version": "2.1.10", "gitBranch": "main", **value,
            "uuid": self._uuid(),
            "timestamp": self._at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }  # fmt: skip
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"

    def _turn(self) -> Iterator[dict[str, Any]]:
        yield {"type": "user", "message": {"role": "user", "content": self._text(200)}}
        for _ in range(self._random.randint(3, 12)):
            yield from self._request()

    def _request(self) -> Iterator[dict[str, Any]]:
        pick, call = self._random, f"toolu_{self._uuid()[:22]}"
        id_, request = f"msg_{self._uuid()}", f"req_{self._uuid()}"
        written = pick.randint(0, 4000)
        usage = {
            "input_tokens": pick.randint(1, 300), "cache_creation_input_tokens": written,
            "cache_read_input_tokens": pick.randint(5000, 90000), "service_tier": "standard",
            "cache_creation": {"ephemeral_5m_input_tokens": written,
                               "ephemeral_1h_input_tokens": 0},
        }  # fmt: skip
        args = {"command": self._text(120), "description": self._text(40)}
        blocks = [
            {"type": "thinking", "thinking": self._text(600), "signature": "A" * 300},
            {"type": "text", "text": self._text(250)},
            {"type": "tool_use", "id": call, "name": pick.choice(["Bash", "Read"]), "input": args},
        ]  # fmt: skip
        for output, block in zip((1, 2, pick.randint(30, 900)), blocks, strict=True):
            message = {
                "id": id_, "type": "message", "role": "assistant", "content": [block],
                "model": "claude-sonnet-4-5-20250929", "stop_reason": None,
                "usage": {**usage, "output_tokens": output},
            }  # fmt: skip
            yield {"type": "assistant", "requestId": request, "message": message}
        said = self._text(pick.choice([300, 1500, 4000, 9000]))
        result = {"tool_use_id": call, "type": "tool_result", "content": said, "is_error": False}
        yield {
            "type": "user", "message": {"role": "user", "content": [result]},
            "toolUseResult": {"stdout": said, "stderr": "", "interrupted": False},
        }  # fmt: skip

    def _text(self, size: int) -> str:
        return " ".join(self._random.choices(WORDS, k=size // 6))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128)))


def generated(size: int) -> Path:
    """A folder as CLAUDE_CONFIG_DIR names it, made where it is not there."""
    folder = BUILD / "bench" / f"claude-{size // MB}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        project = folder / "projects" / "-home-dev-x"
        project.mkdir(parents=True)
        written = number = 0
        while written < size:
            number += 1
            written += Session(project, number).write((500_000, MB, 2 * MB, 4 * MB)[number % 4])
        (folder / "done").touch()
    return folder


def ccusage() -> Path:
    """Its program, installed where it is not there."""
    place = BUILD / "ccusage" / CCUSAGE
    program = place / "node_modules" / ".bin" / "ccusage"
    if not program.exists():
        npm = ["npm", "install", "--prefix", str(place), f"ccusage@{CCUSAGE}"]
        subprocess.run(npm, check=True, stdout=sys.stderr)
    return program


def measured(command: list[str], **env: str) -> tuple[dict[str, Any], Spent]:
    """What it printed, and what it took."""
    begun = time.perf_counter()
    ran = subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE)
    printed = ran.stdout.read() if ran.stdout else b""
    _, status, used = os.wait4(ran.pid, 0)
    ran.returncode = os.waitstatus_to_exitcode(status)
    if ran.returncode:
        raise SystemExit(f"{command[0]}: exit code {ran.returncode}")
    wall = time.perf_counter() - begun
    return json.loads(printed), Spent(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


class Spent(NamedTuple):
    """What one run took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def main() -> None:
    """Measure and print."""
    size = int(sys.argv[1]) * MB if len(sys.argv) > 1 else 300 * MB
    folder, out = generated(size), BUILD / "bench" / "imported"
    theirs = [str(ccusage()), "claude", "daily", "--offline", "--json"]
    ours = [sys.executable, "-m", "ampmetrics", "import", "claude", str(folder / "projects"),
            "-o", str(out), "--json"]  # fmt: skip
    times: dict[str, list[Spent]] = {"ccusage": [], "import": [], "again": []}
    for _ in range(TURNS):
        shutil.rmtree(out, ignore_errors=True)
        said, spent = measured(theirs, CLAUDE_CONFIG_DIR=str(folder))
        times["ccusage"].append(spent)
        for name in ("import", "again"):
            told, spent = measured(ours)
            times[name].append(spent)
        mine = told["sources"][0]
        if said["totals"]["totalTokens"] != mine["totalTokens"]:
            raise SystemExit(f"ccusage: {said['totals']}; ours: {mine}")
    events = sum(path.stat().st_size for path in out.rglob("*.jsonl"))
    print(f"{size // MB} MB, {mine['events']} events ({events / MB:.0f} MB) written")
    least = {name: Spent(*map(min, zip(*turns, strict=True))) for name, turns in times.items()}
    wall, cpu, _ = least["ccusage"]
    for name, best in least.items():
        ratios = f"{best.wall_s / wall:.2f} x wall, {best.cpu_s / cpu:.2f} x CPU"
        print(f"{name:8}  {best.wall_s:6.2f} s wall  {best.cpu_s:6.2f} s CPU  "
              f"{best.peak_mib:4.0f} MiB  {ratios}")  # fmt: skip


if __name__ == "__main__":
    main()
