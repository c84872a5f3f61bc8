"""Going on in an output folder: every planned trial ends up done once, and nothing else is mixed in."""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import signal
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest
from benching import SLEEP, agents, asleep, bench, case, command, data, make_folder
from fakes import Json, git, is_alive, program, wait_until, write_files, write_suite

from ampmetrics.bench import Options, load_suite, work
from ampmetrics.bench.folder import locked
from ampmetrics.errors import BadInputError

Key = tuple[str, str, int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


def read(folder: Path) -> list[Json]:
    """Events of the output folder; a line that was torn is left out."""
    events = []
    for path in sorted((folder / "out").glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                continue
    return events


def done(folder: Path) -> Counter[Key]:
    """How often each trial came to an end of its own."""
    return Counter(
        (event["caseId"], event["variant"], event["trial"])
        for event in read(folder)
        if event["type"] == "trial_end" and event["data"]["outcome"] != "cancelled"
    )


def once(*keys: Key) -> Counter[Key]:
    return Counter(keys)


def run(folder: Path, suite: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    ran = bench(folder, str(suite), "-o", "out", *options, **env)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran


def refused(folder: Path, suite: Path, *options: str) -> str:
    """The one line with which it is refused; nothing is written."""
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*")}
    ran = bench(folder, str(suite), "-o", "out", *options)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), ran.stderr
    assert {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*")} == before
    return ran.stderr


def kill_when(folder: Path, lines: int, *arguments: str) -> bool:
    """Start it and kill -9 when so many lines of events are there; false: it ended before."""
    with subprocess.Popen(**command(folder, *arguments)) as running:

        def is_due() -> bool:
            there = sum(p.read_bytes().count(b"\n") for p in (folder / "out").glob("*.jsonl"))
            return there >= lines or running.poll() is not None

        wait_until(is_due, "so many events", 60)
        running.kill()
        running.communicate()
    return running.returncode == -signal.SIGKILL


@pytest.mark.parametrize("seed", range(2))
def test_whatever_the_moment_of_kill_9_every_trial_is_done_once(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    cases = [
        case(id_, "tool('t1'); write('b.txt', ''); done()", successCommand="true") for id_ in "abc"
    ]
    suite = str(write_suite(folder / "s.json", *cases))
    arguments = (
        suite,
        "-o",
        "out",
        "-k",
        "2",
        "-j",
        "3",
        "--model",
        "x",
        "--model",
        "y",
        "--resume",
    )
    n_killed, before = 0, 0
    for _ in range(5):
        n_killed += kill_when(folder, before + chance.randint(1, 25), *arguments)
        before = len(read(folder))
    ran = bench(folder, *arguments)
    assert ran.returncode == 0
    assert n_killed >= 2
    assert done(folder) == once(*((id_, v, n) for id_ in "abc" for v in "xy" for n in (1, 2)))
    events = read(folder)
    (first, *others) = data(events, "run_start")
    runs = [event["runId"] for event in events if event["type"] == "run_start"]
    assert len(set(runs)) == len(runs)
    assert first["resumes"] is None
    assert {each["resumes"] for each in others} == {runs[0]}


def test_a_run_that_was_interrupted_goes_on_where_it_was(folder: Path) -> None:
    suite = write_suite(
        folder / "s.json", case("a"), case("b", f"if not (notes / 'go').exists():\n {SLEEP}\ndone()"),
        case("c"),
    )  # fmt: skip
    with subprocess.Popen(**command(folder, str(suite), "-o", "out", "-k", "2")) as running:
        wait_until(lambda: asleep(folder), "the moment to interrupt")
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
    assert running.returncode == 130
    wait_until(lambda: not any(map(is_alive, agents(folder))), "the end of every process", 5)
    log = (folder / "out" / "logs" / "b@amp@1.stdout.log").read_bytes()
    (folder / "go").touch()
    dry = bench(folder, str(suite), "-o", "out", "--resume", "--dry-run")
    assert "Going on in out: 1 done, 5 to run\n" in dry.stdout
    ran = run(folder, suite, "--resume")
    assert done(folder) == once(*((id_, "amp", n) for id_ in "abc" for n in (1, 2)))
    assert "Executing 3 benchmark cases as 5 trials (1 concurrent)..." in ran.stdout
    assert "Total: 6\n" in ran.stdout, "the summary is of all of it"
    logs = folder / "out" / "logs"
    assert (logs / "b@amp@1.stdout.log").read_bytes() == log, "the evidence of the first try stays"
    assert (logs / "b@amp@1+2.stdout.log").exists()


def test_where_nothing_is_left_nothing_is_run_or_written(folder: Path) -> None:
    suite = write_suite(folder / "s.json", case("a"))
    run(folder, suite, "--resume")
    assert data(read(folder), "run_start")[0]["resumes"] is None, "it just begins"
    before = (folder / "out" / "benchmark-run.jsonl").read_bytes()
    ran = run(folder, suite, "--resume")
    assert "Going on in out: 1 done, 0 to run\n" in ran.stdout
    assert "Executing" not in ran.stdout
    assert "Total: 1\n" in ran.stdout
    assert (folder / "out" / "benchmark-run.jsonl").read_bytes() == before


def test_more_repeats_cases_and_variants_run_only_what_is_new(folder: Path) -> None:
    suite = write_suite(folder / "s.json", case("a"), variants=[{"name": "x"}])
    run(folder, suite, "-k", "3")
    assert run(folder, suite, "-k", "5", "--resume").stdout.count("NO VERDICT") == 2
    more = [{"name": "x"}, {"name": "y", "model": "high"}]
    suite = write_suite(folder / "s.json", case("a"), case("b"), variants=more)
    run(folder, suite, "--resume", "--variant", "x")
    assert done(folder) == once(*((id_, "x", n) for id_ in "ab" for n in range(1, 6)))
    run(folder, suite, "--resume", "--case", "b")
    assert done(folder)["b", "y", 5] == 1
    assert done(folder)["a", "y", 1] == 0
    assert max(done(folder).values()) == 1


def test_options_that_are_not_given_are_those_of_the_run(folder: Path) -> None:
    suite = write_suite(folder / "s.json", case("a"))
    run(folder, suite, "-k", "2", "--model", "high", "--model", "low", "--timeout", "77")
    run(folder, write_suite(folder / "s.json", case("a"), case("b")), "--resume")
    assert done(folder) == once(
        *((id_, v, n) for id_ in "ab" for v in ("high", "low") for n in (1, 2))
    )
    starts = data(read(folder), "trial_start")
    assert {start["timeoutSec"] for start in starts} == {77}
    assert {start["model"] for start in starts} == {"high", "low"}


def test_an_agent_that_is_not_named_again_is_not_replaced_by_another(folder: Path) -> None:
    suite = write_suite(folder / "s.json", case("a"))
    own = ("--agent", "command", "--agent-command", "true")
    run(folder, suite, *own)
    said = refused(folder, suite, "--resume", "-k", "2")
    assert "agent 'command' has no program: name one with --agent-command" in said
    run(folder, suite, "--resume", "-k", "2", *own)
    assert done(folder) == once(("a", "command", 1), ("a", "command", 2))


OUTCOMES = {
    "error": ("fail('no')", {"successCommand": "true"}),
    "broken": ("done()", {"setupCommand": "exit 1", "successCommand": "true"}),
    "fails": ("done()", {"successCommand": "exit 1"}),
    "passes": ("done()", {"successCommand": "true"}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "again"), [("errors", ("error", "broken")), ("failed", ("fails",))]
)
def test_a_rerun_adds_trials_and_keeps_the_old(
    folder: Path, kind: str, again: tuple[str, ...]
) -> None:
    cases = [case(id_, prompt, **fields) for id_, (prompt, fields) in OUTCOMES.items()]
    suite = write_suite(folder / "s.json", *cases)
    run(folder, suite, "-k", "2", "-j", "4")
    first = read(folder)
    for n in (1, 2):
        run(folder, suite, "--rerun", kind, "-j", "4")
        wanted = {(id_, "amp", k) for id_ in OUTCOMES for k in (1, 2)}
        wanted |= {(id_, "amp", k) for id_ in again for k in range(3, 3 + 2 * n)}
        assert done(folder) == once(*wanted)
    assert [event for event in read(folder) if event in first] == first


def test_a_rerun_that_went_well_is_not_run_again(folder: Path) -> None:
    mends = "if not (notes / 'go').exists():\n fail('no')\nelse: done()"
    suite = write_suite(folder / "s.json", case("a", mends), case("b"))
    run(folder, suite)
    (folder / "go").touch()
    for _ in range(2):
        run(folder, suite, "--rerun", "errors")
        assert done(folder) == once(("a", "amp", 1), ("a", "amp", 2), ("b", "amp", 1))


def test_a_rerun_that_was_cut_short_is_done_once(folder: Path) -> None:
    wait = f"if (notes / 'wait').exists():\n {SLEEP}\n"
    mends = wait + "if not (notes / 'go').exists():\n fail('no')\nelse: done()"
    suite = write_suite(folder / "s.json", case("a", mends))
    run(folder, suite)
    (folder / "go").touch()
    (folder / "wait").touch()
    options = command(folder, str(suite), "-o", "out", "--rerun", "errors")
    with subprocess.Popen(**options) as running:
        wait_until(lambda: asleep(folder), "the moment to interrupt")
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
    (folder / "wait").unlink()
    run(folder, suite, "--resume")
    assert done(folder) == once(("a", "amp", 1), ("a", "amp", 2))


REFUSALS = {
    "another suite": ({"name": "Other"}, {}, "holds a run of the suite 's', not of 'Other'"),
    "a case that changed": ({}, {"prompt": "done() # other"}, "trials of case 'a' as it was before"),
    "the suite's env": ({"env": {"A": "b"}}, {}, "trials of case 'a' as it was before"),
    "another agent": ({"agent": "pi", "agentCommand": "amp"}, {}, "trials of variant 'x' by the agent 'amp', not 'pi'"),
    "other arguments": ({"agentArgs": "-x"}, {}, "trials of variant 'x' with another program, arguments"),
    "another model": ({"variants": [{"name": "x", "model": "m"}]}, {}, "trials of variant 'x' with another"),
}  # fmt: skip


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of the case `a` by the variant `x`."""
    folder = make_folder(tmp_path_factory.mktemp("begun"))
    run(folder, write_suite(folder / "s.json", case("a"), variants=[{"name": "x"}]))
    return folder


@pytest.mark.parametrize("name", REFUSALS)
def test_what_does_not_fit_is_refused(begun: Path, name: str) -> None:
    top, fields, message = REFUSALS[name]
    changed: Json = {"variants": [{"name": "x"}], **top}
    suite = load_suite(write_suite(begun / "s.json", case("a", **fields), **changed))
    options = Options(output_dir=begun / "out", resume=True, repeats=2)
    with pytest.raises(BadInputError, match=re.escape(message)) as refusal:
        work(suite, options)
    assert "name another folder with --output-dir" in str(refusal.value)


def test_another_version_and_another_commit_are_refused(folder: Path) -> None:
    suite = write_suite(folder / "s.json", case("a"))
    run(folder, suite)
    write_files(folder / "repo", {"a.txt": "later\n"})
    git(folder / "repo", "commit", "-qam", "Later")
    assert "its repository is now at" in refused(folder, suite, "--resume", "-k", "2")
    git(folder / "repo", "reset", "-q", "--hard", "HEAD~")
    real = (folder / "bin" / "amp").rename(folder / "bin" / "real-amp")
    newer = f'#!/bin/sh\n[ "$1" = --version ] && echo 0.0.2-fake && exit\nexec {real} "$@"\n'
    program(folder / "bin", "amp", newer)
    said = refused(folder, suite, "--resume", "-k", "2")
    assert "by version '0.0.1-fake' of its agent, which now is '0.0.2-fake'" in said
    run(folder, suite, "--resume")
    assert done(folder) == once(("a", "amp", 1))


@pytest.mark.parametrize("name", ["deeper/x-metrics.jsonl", "session.jsonl"])
def test_a_folder_with_other_events_is_refused(folder: Path, name: str) -> None:
    suite = write_suite(folder / "s.json", case("a"))
    write_files(folder / "out", {name: "{}\n"})
    assert f"holds other events than those of a run ({name})" in refused(folder, suite, "--resume")


def test_a_torn_line_is_counted_and_its_trial_is_run_again(folder: Path) -> None:
    suite = write_suite(folder / "s.json", case("a"), case("b"))
    run(folder, suite)
    path = folder / "out" / "b-metrics.jsonl"
    torn = path.read_bytes()[:-9]
    path.write_bytes(torn)
    ran = bench(folder, str(suite), "-o", "out", "--resume")
    assert ran.returncode == 0
    assert ran.stderr == "ampmetrics: out: unreadable lines, left out: 1\n"
    assert done(folder) == once(("a", "amp", 1), ("b", "amp", 1))
    assert path.read_bytes().startswith(torn + b"\n{")


def test_two_at_once_in_one_folder_are_refused(folder: Path) -> None:
    suite = write_suite(folder / "s.json", case("a", SLEEP))
    with subprocess.Popen(**command(folder, str(suite), "-o", "out")) as running:
        wait_until(lambda: asleep(folder), "the first at work")
        second = bench(folder, str(suite), "-o", "out", "--resume")
        fresh = bench(folder, str(suite), "-o", "out")
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
    for ran in (second, fresh):
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "another run is at work there" in ran.stderr
    names = {path.name for path in (folder / "out").iterdir()}
    assert names == {"a-metrics.jsonl", "benchmark-run.jsonl", "benchmark-summary.json", "logs"}


def is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_a_folder_that_is_free_in_a_moment_is_waited_for(tmp_path: Path) -> None:
    lock = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    soon = threading.Timer(0.05, os.close, [lock])
    soon.start()
    with locked(tmp_path) as is_locked:
        soon.join()
        assert is_locked


def test_a_lock_ends_with_its_process(folder: Path) -> None:
    suite = write_suite(folder / "s.json", case("a", SLEEP))
    assert kill_when(folder, 6, str(suite), "-o", "out")
    lock = os.open(folder / "out", os.O_RDONLY)
    # A program that it was just starting has the lock until it has begun.
    wait_until(lambda: is_free(lock), "the lock", 1)
    os.close(lock)
    wait_until(lambda: agents(folder), "the agent that nobody ended")
    for pid in agents(folder):
        os.killpg(pid, signal.SIGKILL)


def test_events_of_the_beginnings_are_read_without_a_run(folder: Path) -> None:
    suite = write_suite(folder / "s.json", case("a"))
    write_files(folder / "out", {"benchmark-run.jsonl": '{"type":"run_st', "a-metrics.jsonl": ""})
    ran = bench(folder, str(suite), "-o", "out", "--resume")
    assert ran.returncode == 0
    assert done(folder) == once(("a", "amp", 1))
    assert data(read(folder), "run_start")[0]["resumes"] is None
