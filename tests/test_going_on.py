"""`ampmetrics iterate` on an imported session: the same conversation, in its own folder, one
session in the tables, however often it is imported again. tests/test_real_threads.py does it with
real agents; here a stand-in for Claude Code keeps its files as that one does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest
from fakes import Json, fake_amp, git, make_repo, program, wait_until, write_files
from test_import_amp_session_manager import ONE
from test_import_amp_session_manager_database import SESSIONS, database

from ampmetrics.cli import main
from ampmetrics.tables import connect

SESSION = "cfa1e878-62b5-4e40-b281-bbf9b250d766"
CLAUDE = """#!{python} -IS
# Does what its prompt says, in Python, tells of it as Claude Code would, and keeps it in its files.
import json, os, pathlib, subprocess, sys, time
from datetime import datetime, timezone
if "--version" in sys.argv:
    sys.exit(print("2.1.330 (Claude Code)"))
prompt = sys.stdin.read()
session = sys.argv[sys.argv.index("--resume") + 1] if "--resume" in sys.argv else "{session}"
projects = pathlib.Path(os.environ["HOME"], ".claude", "projects", "-work")
projects.mkdir(parents=True, exist_ok=True)
count, given, said = 0, 0, 0
def keep(kind, message):
    global count
    count += 1
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {{"parentUuid": None, "sessionId": session, "type": kind, "message": message,
            "uuid": "%s-%d-%d" % (kind, os.getpid(), count), "timestamp": at, "version": "2.1.330"}}
    if "NO_CWD" not in os.environ:
        line["cwd"] = os.getcwd()
    with open(projects / (session + ".jsonl"), "a") as file:
        print(json.dumps(line), file=file)
def say(**line):
    print(json.dumps({{**line, "session_id": session}}), flush=True)
def answer(id_, content, stop, more_given, more_said):
    global given, said
    given, said = given + more_given, said + more_said
    used = {{"input_tokens": more_given, "output_tokens": more_said}}
    message = {{"id": id_, "role": "assistant", "model": "claude-sonnet-4-5-20250929",
               "content": content, "usage": used, "stop_reason": stop}}
    keep("assistant", message)
    return message
def tool(id_, path, text):
    call = {{"type": "tool_use", "id": id_, "name": "Write", "input": {{"file_path": path}}}}
    message = answer("msg_" + id_, [call], "tool_use", 10, 5)
    say(type="assistant", message=message)
    time.sleep(0.02)
    pathlib.Path(path).write_text(text)
    result = {{"content": [{{"type": "tool_result", "tool_use_id": id_, "content": "ok"}}]}}
    keep("user", {{"role": "user", **result}})
    say(type="user", message=result)
def done():
    answer("msg_%d" % os.getpid(), [], "end_turn", 100, 1)
    models = {{"claude-sonnet-4-5-20250929": {{"inputTokens": given, "outputTokens": said}}}}
    say(type="result", subtype="success", is_error=False, modelUsage=models)
if "LOST" in prompt:
    sys.exit("no such conversation")
keep("user", {{"role": "user", "content": prompt}})
exec(prompt)
"""
AGAIN = "iterations that `ampmetrics iterate` has recorded itself"
ARGV = "pathlib.Path(os.environ['NOTES']).write_text(json.dumps([os.getcwd(), *sys.argv[1:]]))\n"


class Place:
    """A user's repository, a home with his agent's files, and what was imported of them."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, fd: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self._patch, self._fd = folder, patch, fd
        self.repo = make_repo(folder / "repo", {"a.txt": "one\n", ".gitignore": "*.log\n"})
        text = CLAUDE.format(python=sys.executable, session=SESSION)
        self.bin = program(folder / "bin", "claude", text)
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("PATH", f"{self.bin}:{os.environ['PATH']}")
        patch.setenv("AMPMETRICS_STATE", str(folder / "state"))
        patch.setenv("NOTES", str(folder / "notes"))
        patch.setenv("GO", str(folder / "go"))
        for name in ("CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
            patch.delenv(name, raising=False)
        self.out = self.repo / "imported"
        self.file = self.out / "claude" / f"{SESSION}.jsonl"

    def by_hand(self, prompt: str, folder: Path | None = None) -> None:
        """The user's own agent, without ampmetrics; goes on where it has the session already."""
        resume = ["--resume", SESSION] if (self.folder / "home").exists() else []
        subprocess.run(
            [self.bin / "claude", *resume], cwd=folder or self.repo, input=prompt.encode(),
            capture_output=True, check=True,
        )  # fmt: skip

    def here(self, *words: str | Path, code: int = 0) -> str:
        """A command in this process, half a second less for each; what it said."""
        self._patch.setattr(sys, "argv", ["ampmetrics", *map(str, words)])
        self._fd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._fd.readouterr()
        assert int(ended.value.code or 0) == code, said.err
        return said.out + said.err

    def iterate(self, session: str | Path, prompt: str, *more: str | Path, code: int = 0) -> str:
        return self.here("iterate", session, "--prompt", prompt, *more, code=code)

    def refused(self, session: str | Path, *more: str | Path) -> str:
        (line,) = self.iterate(session, "done()", *more, code=2).splitlines()
        return line

    def start(self, prompt: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "ampmetrics", "iterate", self.file, "--prompt", prompt],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def bring(self) -> Json:
        """Import what is there; what came of it."""
        said = self.here("import", "claude", "-o", self.out, "--json")
        (source,) = json.loads(said[: said.rindex("\n}") + 2])["sources"]
        return dict(source)

    def events(self, *kinds: str) -> list[Json]:
        """In the order of their times; a torn line is none."""
        lines = self.file.read_bytes().splitlines()
        whole = [json.loads(line) for line in lines if line.endswith(b"}")]
        found = [event for event in whole if event["type"] in kinds]
        return sorted(found, key=lambda event: str(event["timestamp"]))

    def numbers(self) -> list[tuple[int, bool]]:
        """Of its iterations: the number, and whether it was imported."""
        starts, ends = (
            [
                (event["data"]["iterationNumber"], "sourceFile" in event)
                for event in self.events(kind)
            ]
            for kind in ("iteration_start", "iteration_end")
        )
        assert ends == starts[: len(ends)]
        return starts

    def changed(self) -> list[str]:
        """Paths of the net changes, and of the edits that were not imported."""
        edits = self.events("net_change", "file_edit")
        return sorted({each["data"]["path"] for each in edits if "sourceFile" not in each})


Capture = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> Place:
    """With a session of two prompts, imported."""
    place = Place(tmp_path, monkeypatch, capfd)
    place.by_hand("tool('t1', 'a.txt', 'two')\ndone()")
    place.by_hand("done()")
    place.bring()
    return place


def test_it_goes_on_where_it_stopped_and_stays_one_session(place: Place) -> None:
    write_files(place.repo, {"users.txt": "not the agent's"})
    imported = place.file.read_bytes()
    said = place.iterate(place.file, ARGV + "tool('t2', 'b.txt', 'b')\ndone()")
    assert f"iteration 3: claude 2.1.330, going on with {SESSION}" in said
    assert f"Workspace: {place.repo} (the session's own folder, no copy of it)" in said
    assert "git apply" not in said
    argv = json.loads((place.folder / "notes").read_text())
    assert argv[0] == str(place.repo)
    assert argv[-2:] == ["--resume", SESSION]
    assert place.file.read_bytes().startswith(imported)
    commit = git(place.repo, "rev-parse", "HEAD").strip()
    begun = place.events("iteration_start")[-1]["data"]
    assert (begun["gitSha"], begun["cwd"]) == (commit, str(place.repo))
    for status in (None, "changed", "same"):
        if status:
            done = place.bring()
            assert done["sessions"] == {status: 1}
            assert done["leftOut"] == {AGAIN: 1}
        assert place.numbers() == [(1, True), (2, True), (3, False)]
        assert place.changed() == ["b.txt"]

    # What its user does with it meanwhile is imported first, so that the numbers are right.
    place.by_hand("done()")
    before = place.file.read_bytes()
    refused = place.refused(SESSION)
    assert "went on after it was imported: import it again first (ampmetrics import" in refused
    assert place.file.read_bytes() == before
    place.bring()
    write_files(place.repo, {"more.txt": "not the agent's either"})
    assert '"iterationNumber": 5' in place.iterate(SESSION, "done()", "--json")
    place.bring()
    assert place.numbers() == [(1, True), (2, True), (3, False), (4, True), (5, False)]
    assert place.changed() == ["b.txt"]
    with closing(connect(place.out)) as con:
        assert con.sql(
            "SELECT session_id, agent, iterations, status, agent_session_id FROM sessions"
        ).fetchall() == [(SESSION, "claude", 5, "success", SESSION)]
        # 15 a call and 101 a run, as the stand-in keeps them and as it tells them.
        spent = con.sql("SELECT sum(total_tokens)::BIGINT FROM llm_usage").fetchall()
        assert spent == [(5 * 101 + 2 * 15,)]
    place.here("sessions", "remove", SESSION)
    assert (place.repo / "users.txt").exists()
    assert len(place.numbers()) == 5


def test_an_agent_that_failed_at_once_has_its_number_too(place: Place) -> None:
    """It is not in the agent's own files, so that what follows there is one further here."""
    said = place.iterate(place.file, "LOST", code=1)
    assert "Iteration 3: failed" in said
    assert "no such conversation" in said
    place.by_hand("done()")
    assert place.bring()["leftOut"] == {}
    assert place.numbers() == [(1, True), (2, True), (3, False), (4, True)]


def test_an_import_while_it_runs_changes_nothing(place: Place) -> None:
    wait = (  # Not for ever: where this test fails nobody stops it.
        "end = time.monotonic() + 60\n"
        "while not pathlib.Path(os.environ['GO']).exists() and time.monotonic() < end:\n"
        "    time.sleep(0.01)\n"
    )
    before = place.file.stat()
    running = place.start(f"tool('t2', 'b.txt', 'b')\n{wait}done()")
    wait_until(lambda: b'"b.txt"' in place.file.read_bytes(), "its call")
    done = place.bring()
    assert (done["sessions"], done["newEvents"]) == ({"in_use": 1}, 0)
    (place.folder / "go").touch()
    assert running.wait() == 0
    assert place.file.stat().st_ino == before.st_ino
    assert place.bring()["sessions"] == {"changed": 1}
    assert place.numbers() == [(1, True), (2, True), (3, False)]
    assert place.events("iteration_end")[-1]["data"]["status"] == "success"


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="nobody says who waits for a lock")
def test_an_import_that_runs_already_is_waited_for(place: Place) -> None:
    """It puts another file in the place of the one that was opened."""
    new = place.file.with_name("new")
    new.write_bytes(place.file.read_bytes())
    with place.file.open("rb") as old:
        flock(old, LOCK_EX)
        running = place.start("done()")
        inode = place.file.stat().st_ino
        wait_until(lambda: _waits(running.pid, inode), "it waits")
        new.replace(place.file)
    assert running.wait() == 0
    assert place.numbers() == [(1, True), (2, True), (3, False)]


def _waits(pid: int, inode: int) -> bool:
    """The system's own list of who waits for a lock: `1: -> FLOCK  ADVISORY  WRITE pid …:inode`."""
    waiting = [line for line in Path("/proc/locks").read_text().splitlines() if "-> FLOCK" in line]
    return any(f" {pid} " in line and f":{inode} " in line for line in waiting)


def test_what_a_kill_left_stays_and_is_numbered_on(place: Place) -> None:
    place.iterate(place.file, "tool('t2', 'b.txt', 'b')\ndone()")
    first, *rest = (line for line in place.file.read_bytes().splitlines(keepends=True)
                    if b'"sourceFile"' not in line)  # fmt: skip
    whole = place.file.read_bytes()
    torn = whole[: whole.index(first)] + first + b"".join(rest)[:-30]
    place.file.write_bytes(torn)
    place.bring()
    assert place.file.read_bytes().endswith(first + b"".join(rest)[:-30])
    assert place.numbers() == [(1, True), (2, True), (3, False)]
    assert "Iteration 4: success" in place.iterate(place.file, "done()")


def test_a_folder_within_a_repository_and_one_that_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    """What a .gitignore above it names is not the agent's work either."""
    place = Place(tmp_path, monkeypatch, capfd)
    ignored = ".cache/\n/app/out/\n/lib/x.txt\napp/*.tmp\n!keep.log\n*.log\n"
    write_files(place.repo, {".gitignore": ignored, "app/a.txt": "one\n"})
    app = place.repo / "app"
    monkeypatch.setenv("NO_CWD", "1")
    place.by_hand("done()", app)
    place.bring()
    assert "does not tell the folder that it worked in: name it (--repo)" in place.refused(
        place.file
    )
    names = [".cache/x", "out/x", "out2/x", "x.tmp", "x.log", "x.txt"]
    writes = [f"os.makedirs(os.path.dirname('{n}') or '.', exist_ok=True)\n"
              f"pathlib.Path('{n}').write_text('x')\n" for n in names]  # fmt: skip
    place.iterate(place.file, "".join(writes) + "done()", "--repo", app)
    assert (app / "x.tmp").exists()
    assert place.changed() == ["out2/x", "x.txt"]


OLD_AND_NEW = [
    ("", "", ["--repo", "/"], "--repo /: session '"),
    ("", "", ["--commit", "HEAD"], "began with none that was named"),
    ("", "", ["--agent", "codex"], "a conversation with claude, which codex cannot go on"),
    ("", "", ["--metrics-file", "other.jsonl"], "belongs into its own file"),
    ('"claude"', '"mini"', [], "mini cannot go on with a conversation"),
    ('"claude"', "null", [], "does not tell the agent: name it (--agent)"),
    (f'"agentSessionId":"{SESSION}"', "", [], "does not tell the agent's conversation"),
    ('"sourceFile"', '"source"', [], "no imported session in it"),
    ('end","sessionId":"', 'end","sessionId":"other', [], "several imported sessions in it"),
    (
        '"cwd":"REPO"',
        '"cwd":"."',
        [],
        "gone, or of another machine), and claude goes on only in it",
    ),
]


def test_what_does_not_fit_is_one_line_and_changes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    whole = place.file.read_text()
    for old, new, more, says in OLD_AND_NEW:
        changed = whole.replace(old.replace("REPO", str(place.repo)), new) if old else whole
        place.file.write_text(changed)
        assert says in place.refused(place.file, *more)
        assert place.file.read_text() == changed
        assert not list((place.folder / "state" / "sessions").glob("*"))


def test_what_is_missing_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.folder / "home").rename(place.folder / "old")
    gone = place.refused(place.file)
    assert f"Claude Code has no conversation {SESSION} on this machine (any more)" in gone
    assert f"looked in {place.folder}/home/.claude/projects, " in gone
    (place.folder / "old").rename(place.folder / "home")
    monkeypatch.setenv("AMPMETRICS_STATE", str(place.repo / "state"))
    says = "where ampmetrics keeps its sessions: name another folder for them (AMPMETRICS_STATE)"
    assert says in place.refused(place.file)
    monkeypatch.setenv("AMPMETRICS_STATE", str(place.folder / "state"))
    place.iterate(place.file, "done()")
    place.repo.rename(place.folder / "elsewhere")
    file = place.folder / "elsewhere" / "imported" / "claude" / place.file.name
    assert f"is not there ({place.repo}; gone, or of another machine)" in place.refused(file)


def test_its_id_and_its_file_say_the_same(place: Place) -> None:
    """Without its file an imported session is not known; a session of that name is another one."""
    assert "one that was imported is named by its event file" in place.refused(SESSION)
    said = place.iterate(SESSION, "done()", "--metrics-file", place.file)
    assert "Iteration 3: success" in said
    moved = place.file.rename(place.folder / "moved.jsonl")
    assert "cannot be read: No such file" in place.refused(SESSION)
    assert "Iteration 4: success" in place.iterate(moved, "done()")
    place.here("sessions", "remove", SESSION)
    other = ["--agent", "command", "--agent-command", "true"]
    place.iterate(SESSION, "done()", "--repo", place.repo, *other)
    assert "was begun by `ampmetrics iterate` and not imported" in place.refused(moved)


def test_a_session_of_another_manager_goes_on_with_its_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    """Amp keeps its threads on a server, so that nothing on this machine has to know it."""
    place = Place(tmp_path, monkeypatch, capfd)
    fake_amp(place.bin)
    (row,) = [row for row in SESSIONS["sessions"] if row["id"] == ONE]
    rows = [{**row, "worktreePath": str(place.repo)}]
    source = database(tmp_path / "sessions.sqlite", {**SESSIONS, "sessions": rows})
    place.here("import", source, "-o", place.out)
    place.file = place.out / "amp-session-manager" / f"{ONE}.jsonl"
    said = place.iterate(place.file, ARGV + "done()")
    assert "Iteration 3: success" in said
    assert "amp went on in another conversation, T-fake-" in said
    where, *argv = json.loads((tmp_path / "notes").read_text())
    assert (where, argv[:3]) == (str(place.repo), ["threads", "continue", "T-1"])
