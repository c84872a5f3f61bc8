"""How fast the tables are, side by side with what else reads event files.

    python benchmarks/tables.py [--sizes N ...] [--rounds N] [--data FOLDER] [--peers PYTHON]

Makes files of so many events (those of the middle size once more as one file a session), asks
everyone the same, by turns, and prints Markdown: what each took, and which targets are met. Wall
ratios are of the best runs. Nothing is asserted but that all answer the same (exit code 1 if not).
`--peers` is a Python with orjson and pandas; what is not there is left out, and said.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from side_by_side import report, tool_usage
from side_by_side.machine import machine, versions
from side_by_side.report import Target, at_least, at_most, compared
from side_by_side.timing import PEAKS_IN_A_MIB, Contender, measure, say
from side_by_side.tool_usage import OURS

HERE = Path(__file__).parent
SIZES = [100_000, 1_000_000, 5_000_000]
EVENTS_OF_A_SESSION = 100
BYTES_OF_AN_EVENT = 510
SMALL = 1_000
"""Events of the file that starting is measured with."""


class Data(NamedTuple):
    """Event files, by their number of events."""

    files: dict[int, Path]
    middle: int
    folder: Path
    """Those of the middle size, one file a session."""
    small: Path
    more: Path
    """A hundredth of the middle size: other events of the same mix."""
    scratch: Path


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--data", type=Path, default=Path("build/bench"), metavar="FOLDER")
    parser.add_argument("--peers", type=Path, default=Path("build/peers/bin/python"))
    options = parser.parse_args()
    if min(options.sizes) < EVENTS_OF_A_SESSION:
        parser.error(f"--sizes: at least {EVENTS_OF_A_SESSION} events")
    data = prepare(sorted(options.sizes), options.data, options.rounds)
    # A cache of this run's own: one that is there already would be read in place of the files.
    os.environ["AMPMETRICS_CACHE"] = str(data.scratch)
    shutil.rmtree(data.scratch, ignore_errors=True)
    bench = Bench(data, options.rounds, options.peers)
    print(f"{machine()}. {versions(options.peers)}.\n")
    for size in data.files:
        bench.tool_usage(size)
    bench.many_files()
    bench.questions()
    bench.again()
    bench.memory()
    bench.starting()
    bench.print("Targets", report.targets(bench.targets))
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / PEAKS_IN_A_MIB
    print(f"A peak below {floor:.0f} MiB, that of the measuring process, cannot be seen.")
    shutil.rmtree(data.scratch, ignore_errors=True)
    for name in bench.different:
        say(f"Another answer: {name}")
    return bool(bench.different)


def prepare(sizes: Sequence[int], folder: Path, rounds: int) -> Data:
    """The files, made where they are not there already; all of them read once."""
    middle = sizes[len(sizes) // 2]
    space = (sum(sizes) + 2 * middle) * BYTES_OF_AN_EVENT / 1e9
    minutes = 3 + sum(sizes) / 1e6 * (1 + rounds / 4)
    say(f"Needs {space:.1f} GB of disk in {folder} and about {minutes:.0f} minutes")
    folder = _of_this_generator(folder)
    files = {size: _made(folder / f"{size}.jsonl", size) for size in sizes}
    more = _made(folder / f"{middle // 100}.more.jsonl", middle // 100, "--seed", "2")
    many = _made(folder / f"{middle}", middle, "--files")
    data = Data(files, middle, many, folder / "small.jsonl", more, folder / "scratch")
    for file in (*data.files.values(), *data.folder.rglob("*.jsonl")):
        with file.open("rb", buffering=0) as bytes_:
            while bytes_.read(1 << 20):
                pass
    return data


def _of_this_generator(data: Path) -> Path:
    """The folder of the files that would be made now; those of another generator are deleted."""
    data.mkdir(parents=True, exist_ok=True)
    small = data / "small.jsonl"
    small.unlink(missing_ok=True)
    made_by = hashlib.sha256(_made(small, SMALL).read_bytes()).hexdigest()[:12]
    for other in data.iterdir():
        if re.fullmatch(r"events-[0-9a-f]{12}", other.name) and other.name != f"events-{made_by}":
            shutil.rmtree(other)
    folder = data / f"events-{made_by}"
    folder.mkdir(exist_ok=True)
    small.replace(folder / "small.jsonl")
    return folder


def _made(path: Path, events: int, *options: str) -> Path:
    if not path.exists():
        say(f"Makes {events:,} events: {path}")
        half = path.with_name(f"{path.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        generate = [sys.executable, HERE / "generate.py", str(events), half, *options]
        subprocess.run(generate, check=True)
        half.rename(path)
    return path


class Bench:
    """The measurements, each of which prints its table; their targets and wrong answers."""

    def __init__(self, data: Data, rounds: int, peers: Path) -> None:
        self.data = data
        self.rounds = rounds
        self.peers = peers
        self.targets: list[Target] = []
        self.different: list[str] = []
        self._before: dict[str, float] = {}
        """Contender → peak memory per byte of its file, when last measured."""

    def print(self, title: str, lines: Iterable[str]) -> None:
        print(f"### {title}\n", *lines, "", sep="\n", flush=True)

    def tool_usage(self, size: int) -> None:
        file = self.data.files[size]
        what = f"{size:,} events ({file.stat().st_size / 1e6:,.0f} MB)"
        contenders = tool_usage.contenders(file, self.peers)
        self._leave_out_the_too_large(contenders, file)
        self._measure(f"Tool usage, {what}", contenders)
        self._before = {
            each.name: each.peak_mib / file.stat().st_size for each in contenders if each.runs
        }
        ours, by_name = contenders[0], {each.name: each for each in contenders}
        for name, limit in (("jq pipeline", 8), ("node script", 4), ("DuckDB read_json_auto", 1.3)):
            measured = compared(by_name[name], ours)
            self.targets.append(at_least(f"faster than {name}, {size:,} events", limit, measured))

    def many_files(self) -> None:
        number = sum(1 for _ in self.data.folder.rglob("*.jsonl"))
        contenders = tool_usage.contenders(self.data.folder, self.peers)
        one = tool_usage.ours(f"{OURS}, one file", self.data.files[self.data.middle])
        contenders.insert(1, one)
        self._measure(f"Tool usage, {self.data.middle:,} events in {number:,} files", contenders)
        measured = compared(contenders[0], one)
        self.targets.append(at_most(f"{number:,} files against one", 2, measured))

    def questions(self) -> None:
        """In one process, so that a query is measured and not the start."""
        asked = self._of_session(
            "questions.py", self.data.files[self.data.middle], self.data.folder
        )
        self.different += [f"view {name}" for name, runs in asked.items() if not runs["same"]]
        what = {name: runs["what"] for name, runs in asked.items()}
        number = sum(1 for _ in self.data.folder.rglob("*.jsonl"))
        title = f"One question a view, {self.data.middle:,} events, in a running session"
        self.print(title, report.views(asked, what, number))
        for against, way, limit in (("by hand", "view", 1.15), ("view", "files", 2)):
            ratios = {name: _best(runs[way]) / _best(runs[against]) for name, runs in asked.items()}
            worst = max(ratios, key=lambda name: ratios[name])
            words = f"{number:,} files against one" if way == "files" else "against SQL by hand"
            name = f"any view {words}; the worst is {worst}"
            self.targets.append(at_most(name, limit, ratios[worst]))

    def again(self) -> None:
        """In a running session, with the cache and without it."""
        file = self.data.files[self.data.middle]
        found = self._of_session("again.py", file, self.data.more, self.data.scratch)
        self.different += [] if found["same"] else ["with the cache"]
        size = f"{self.data.middle:,} events"
        self.print(f"Again and again, {size}, in a running session", report.again(found))
        times = {name: min(of["direct"]) / min(of["warm"]) for name, of in found["views"].items()}
        worst = min(times, key=lambda name: times[name])
        read, whole, build, append = (
            min(found[each]) for each in ("read", "read all", "build", "append")
        )
        self.targets += [
            at_least(
                f"warm query faster than direct, {size}; the worst is {worst}", 20, times[worst]
            ),
            at_most("building the cache against reading all that it holds", 2, build / whole),
            at_most("building the cache against reading tool usage", 2, build / read),
            at_most("1 % appended against building", 5, append / build * 100, "%"),
        ]

    def memory(self) -> None:
        size, file = list(self.data.files.items())[-1]
        script = str(HERE / "side_by_side" / "questions.py")
        once = [sys.executable, script, "once", str(file)]
        contenders = [
            tool_usage.ours("tool usage", file),
            Contender("a question of each view", [*once, "direct"]),
            Contender("a question of each view, cache built on the way", once),
        ]
        self._measure(f"Memory, {size:,} events", contenders, rounds=1, compare=False)
        for each in contenders:
            measured = each.missing or each.peak_mib
            name = f"memory at {size:,} events: {each.name}"
            self.targets.append(at_most(name, 600, measured, "MiB"))

    def starting(self) -> None:
        """Whole processes that do next to nothing."""
        folder, small = str(self.data.folder), str(self.data.small)
        python = [sys.executable, "-c"]
        connect = "import sys, ampmetrics as am; am.connect(sys.argv[1]).close()"
        query = (
            f"select type, count(*) from read_json('{small}', format='newline_delimited', "
            "columns={type: 'VARCHAR'}, records='true') group by type"
        )
        bare = f"import duckdb; print(duckdb.sql({query!r}).fetchall())"
        sql = "select type, count(*) from events group by type"
        number = sum(1 for _ in self.data.folder.rglob("*.jsonl"))
        pairs = [
            (
                Contender(f"am.connect, {number:,} files", [*python, connect, folder]),
                Contender("duckdb.connect", [*python, "import duckdb; duckdb.connect().close()"]),
                300,
            ),
            (
                Contender(OURS, [sys.executable, "-m", "ampmetrics", "sql", sql, small]),
                Contender("duckdb.sql", [*python, bare]),
                250,
            ),
        ]
        contenders = [each for *pair, _ in pairs for each in pair]
        self._measure("Starting", contenders, rounds=2 * self.rounds, compare=False)
        for ours, peer, limit in pairs:
            more = ours.missing or peer.missing or (ours.wall_s - peer.wall_s) * 1000
            name = f"{ours.name}, more than {peer.name}"
            self.targets.append(at_most(name, limit, more, "ms"))

    def _of_session(self, script: str, *paths: Path) -> dict[str, Any]:
        """What a script that measures within its own process found."""
        say(script)
        command = [sys.executable, HERE / "side_by_side" / script, str(self.rounds), *paths]
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    def _measure(
        self, title: str, contenders: list[Contender], rounds: int = 0, compare: bool = True
    ) -> None:
        say(title)
        measure(contenders, rounds or self.rounds)
        first = contenders[0]
        if not first.runs:
            self.different.append(f"{title}: none of {first.name}, {first.missing}")
            return
        same = {}
        for each in contenders:
            if not each.runs or not compare:
                same[each.name] = ""
                continue
            right = all(tool_usage.agree(first.answers[0], answer) for answer in each.answers)
            if not right:
                self.different.append(f"{title}: {each.name}")
            same[each.name] = tool_usage.extent(each.answers[0]) if right else "ANOTHER"
        self.print(title, report.contest(contenders, same))

    def _leave_out_the_too_large(self, contenders: Sequence[Contender], file: Path) -> None:
        there = psutil.virtual_memory().available / 1024**2
        for each in contenders:
            needed = self._before.get(each.name, 0) * file.stat().st_size
            if needed > 0.8 * there and not each.missing:
                each.missing = f"not run: would need about {needed / 1024:.0f} GiB"


def _best(runs: Sequence[tuple[float, float]]) -> float:
    return min(wall for wall, _ in runs)


if __name__ == "__main__":
    sys.exit(main())
