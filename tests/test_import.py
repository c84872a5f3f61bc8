"""`ampmetrics import`: one file a session, only what is new, and everything that is left out told."""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from test_import_amp import document, thread
from test_import_claude import CHAT, LATER, SESSION, chat, said, text, usage, user
from test_import_codex import MODEL, PROMPT, THREAD, meta, record, rollout, used

from ampmetrics.cli import main
from ampmetrics.errors import CannotRunError
from ampmetrics.events import Event
from ampmetrics.importers import SOURCES, Found, Reading, Wanted, import_files
from ampmetrics.importers.claude import Claude
from ampmetrics.jsonl import Rewritten
from ampmetrics.tables import connect

Json = dict[str, Any]
EVENTS = 2 * 3 + 3 + 2 + 4
"""prompts with their begin and end, calls, edits, requests"""


class Ran:
    """One run of the command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def sources(self) -> list[Json]:
        """What it printed with --json."""
        found: list[Json] = json.loads(self.out)["sources"]
        return found


class Command:
    """The command, in this process: half a second less for each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self._patch, self._fd = monkeypatch, capfd

    def __call__(self, *words: str | Path, code: int = 0) -> Ran:
        self._patch.setattr(sys, "argv", ["ampmetrics", "import", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        ran = Ran(int(ended.value.code or 0), *self._fd.readouterr())
        assert ran.code == code, ran.err
        return ran


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """The command where nobody has a home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "AMP_DATA_DIR", "XDG_DATA_HOME",
                 "XDG_CONFIG_HOME"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    return Command(monkeypatch, capfd)


def lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def there(out: Path) -> set[str]:
    """Names of what stands in the folder of a source, but what is known of it."""
    return {path.name for path in (out / "claude").iterdir()} - {".imported"}


def test_every_event_says_where_it_is_from(run: Command, tmp_path: Path) -> None:
    source = chat(tmp_path)
    (done,) = run("claude", source, "-o", tmp_path / "out", "--json").sources
    file = tmp_path / "out" / "claude" / f"{SESSION}.jsonl"
    events = lines(file)
    assert (done["sessions"], done["events"], done["newEvents"]) == (
        {"new": 1},
        len(events),
        EVENTS,
    )
    told = source.read_text().splitlines()
    for event in events:
        assert event["sourceFile"] == str(source)
        assert json.loads(told[event["sourceLine"] - 1])["type"] in ("user", "assistant")


def test_the_tables_show_it_all(run: Command, tmp_path: Path) -> None:
    chat(tmp_path / "in")
    rollout(tmp_path / "in", meta(), MODEL, PROMPT, record(2, "r1", used(1000, 0, 50)))
    run(tmp_path / "in", "-o", tmp_path / "out")
    with closing(connect(tmp_path / "out")) as con:
        found = con.sql("SELECT session_id, agent, iterations FROM sessions ORDER BY 1").fetchall()
        assert found == [(THREAD, "codex", 1), (SESSION, "claude", 2)]
        spent = con.sql(
            "SELECT model, sum(total_tokens)::BIGINT FROM llm_usage GROUP BY 1 ORDER BY 1"
        ).fetchall()
        assert spent == [("claude-sonnet-4-5-20250929", 4952), ("gpt-5.5", 1050)]
        assert con.sql("SELECT DISTINCT cwd FROM iterations").fetchall() == [("/repo",)]
        where = con.sql("SELECT source_line FROM tool_calls WHERE tool_name = 'Bash'").fetchall()
        assert where == [(7,)]
        assert con.sql("SELECT count(*) FROM unreadable_lines").fetchall() == [(0,)]
        assert con.sql("SELECT count(*) FROM wrong_values").fetchall() == [(0,)]


def test_importing_again_adds_only_what_is_new(run: Command, tmp_path: Path) -> None:
    source, out = chat(tmp_path, CHAT[:10]), tmp_path / "out"
    run("claude", source, "-o", out)
    file = out / "claude" / f"{SESSION}.jsonl"
    before = file.stat()
    (same,) = run("claude", source, "-o", out, "--json").sources
    assert (same["sessions"], same["newEvents"]) == ({"same": 1}, 0)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    chat(tmp_path)
    chat(tmp_path, [user(0, "Go"), said(1, "n1", text("x"), usage(3))], session=LATER)
    (more,) = run("claude", tmp_path / "projects", "-o", out, "--json").sources
    assert more["sessions"] == {"changed": 1, "new": 1}
    assert sum(1 for event in lines(file) if event["type"] == "llm_usage") == 4
    assert there(out) == {f"{SESSION}.jsonl", f"{LATER}.jsonl"}


def aged(*files: Path) -> None:
    """As if they had been written an hour ago."""
    for file in files:
        at = file.stat().st_mtime - 3600
        os.utime(file, (at, at))


def test_what_has_not_changed_is_not_read_again(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And told as if it were; all of it is read again where anything is not as it was."""
    read: list[str] = []
    lines_of = Reading.lines

    def seen(reading: Reading, path: Path) -> Iterator[tuple[int, bytes]]:
        read.append(path.stem)
        return lines_of(reading, path)

    def again(*more: str) -> tuple[list[str], Json]:
        read.clear()
        (told,) = run("claude", tmp_path / "projects", "-o", out, "--json", *more).sources
        return sorted(read), told

    monkeypatch.setattr(Reading, "lines", seen)
    out, files = tmp_path / "out", two(tmp_path)
    files[0].write_bytes(files[0].read_bytes() + b"no line\n")
    aged(*files)
    names = sorted(file.stem for file in files)
    fresh = {**again()[1], "sessions": {"same": 2}, "newEvents": 0}
    assert read == names
    assert again() == ([], fresh)
    assert fresh["unreadableLines"] == 1
    # Another time is asked for, then the same as before.
    assert again("--since", "2030-01-01")[0] == []
    assert again() == ([], fresh)
    # One has changed, one's events were written to, one's events are gone.
    chat(tmp_path, CHAT[:10])
    aged(files[0])
    assert again()[0] == [SESSION]
    (out / "claude" / f"{LATER}.jsonl").write_text("{}")
    assert again()[0] == [LATER]
    (out / "claude" / f"{LATER}.jsonl").unlink()
    assert again()[0] == [LATER]
    assert again()[0] == []
    # Other prices, nothing known any more, and what was changed just now.
    prices = tmp_path / "prices.toml"
    prices.write_text('[[price]]\nmodel = "*"\ninput = 1\noutput = 1\n')
    assert again("--prices", str(prices))[0] == names
    (out / "claude" / ".imported").write_text("{")
    assert again()[0] == names
    os.utime(files[0])
    assert (again()[0], again()[0]) == ([SESSION], [SESSION])


def test_what_was_cut_at_the_source_stays(run: Command, tmp_path: Path) -> None:
    source, out = chat(tmp_path), tmp_path / "out"
    run("claude", source, "-o", out)
    whole = (out / "claude" / f"{SESSION}.jsonl").read_bytes()
    chat(tmp_path, CHAT[:10])
    ran = run("claude", source, "-o", out)
    assert "1 sessions go on further in what was imported before" in ran.err
    chat(tmp_path, CHAT[:1])
    run("claude", source, "-o", out)
    assert (out / "claude" / f"{SESSION}.jsonl").read_bytes() == whole


def test_a_file_that_was_torn_is_made_whole(run: Command, tmp_path: Path) -> None:
    source, out = chat(tmp_path), tmp_path / "out"
    run("claude", source, "-o", out)
    file = out / "claude" / f"{SESSION}.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-40])
    run("claude", source, "-o", out)
    assert file.read_bytes() == whole


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, run: Command) -> None:
    source, out = chat(tmp_path), tmp_path / "out"
    run("claude", source, "-o", out)
    file = out / "claude" / f"{SESSION}.jsonl"
    whole = file.read_bytes()
    with Rewritten(file) as new:
        assert new.finish() == "older"
    (out / "claude" / f"{LATER}.jsonl").mkdir()
    run("claude", chat(tmp_path, session=LATER), "-o", out, code=2)
    assert file.read_bytes() == whole
    assert there(out) == {file.name, f"{LATER}.jsonl"}


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ([], 2), (["--since", "2026-03-01"], 2), (["--since", "2026-03-02"], 1),
        (["--until", "2026-03-01"], 1), (["--until", "2026-02-28"], 0),
        (["--since", "2026-03-01T10:00:21Z", "--until", "2026-03-01"], 1),
        (["--since", "1d"], 0), (["--project", "/repo"], 2), (["--project", "repo"], 2),
        (["--project", "/"], 2), (["--project", "/wor"], 0), (["--project", "."], 0),
    ],
)  # fmt: skip
def test_only_sessions_of_a_time_or_project(
    run: Command, tmp_path: Path, options: list[str], kept: int
) -> None:
    chat(tmp_path)
    later = [{**each, "timestamp": "2026-03-02T10:00:00Z"} for each in
             [user(100, "Go"), said(101, "n1", text("x"), usage(3))]]  # fmt: skip
    chat(tmp_path, later, session=LATER)
    ran = run(tmp_path / "projects", "-o", tmp_path / "out", *options)
    assert len(list(tmp_path.glob("out/claude/*.jsonl"))) == kept
    assert ("sessions are not of that time or project" in ran.err) == (kept < 2)


def test_a_dry_run_says_the_same_and_writes_nothing(run: Command, tmp_path: Path) -> None:
    source = chat(tmp_path)
    dry = run(source, "--dry-run", "--json").sources
    assert {path.name for path in tmp_path.iterdir()} == {"projects"}
    wet = run(source, "-o", tmp_path / "out", "--json").sources
    assert dry == wet
    dry = run(source, "-o", tmp_path / "out", "--dry-run", "--json").sources
    assert dry[0]["sessions"] == {"same": 1}


def test_it_looks_where_the_tools_keep_their_files(run: Command, tmp_path: Path) -> None:
    home = tmp_path / "home"
    chat(home / ".claude")
    rollout(home / ".codex", meta(), MODEL, PROMPT)
    document(home / ".local" / "share" / "amp", thread())
    (home / ".config" / "claude" / "projects").mkdir(parents=True)
    ran = run("-o", tmp_path / "out", "--json")
    assert {each["source"] for each in ran.sources} >= {"claude", "codex", "amp"}
    for folder in (".claude/projects", ".config/claude/projects", ".codex/sessions"):
        assert f"looking in {home / folder}\n" in ran.err
    assert [each["source"] for each in run("codex", "-o", tmp_path / "2", "--json").sources] == [
        "codex"
    ]


def test_variables_of_the_tools_say_where(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", f"{tmp_path / 'none'}, {tmp_path / 'c'}")
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "x"))
    chat(tmp_path / "c")
    rollout(tmp_path / "x", meta(), MODEL, PROMPT)
    ran = run("-o", tmp_path / "out", "--json")
    assert [each["source"] for each in ran.sources] == ["claude", "codex"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["claude", "chat.jsonl"], "-o FOLDER"),
        (["cluade", "-o", "out"], "'cluade' is no source and no file: the sources are claude,"),
        (["./nowhere", "-o", "out"], "nowhere: no such file or folder"),
        (["codex", "{chat}", "-o", "out"], "it looks like claude"),
        (["other.json", "-o", "out"], "the sources are"),
        (["empty", "-o", "out"], "no file of any known tool in this folder"),
        (["-o", "out"], "nothing to import; looked in "),
        (["{chat}", "-o", "out", "--since", "noon"], "'noon' is no time"),
        (["{chat}", "-o", "out", "--until", "9999-12-31"], "'9999-12-31' is no time"),
        (["{chat}", "-o", "out", "--since", "999999w"], "'999999w' is no time"),
        (["{chat}", "-o", "other.json"], "other.json"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = chat(tmp_path)
    (tmp_path / "other.json").write_text('{"type": "text"}')
    (tmp_path / "empty").mkdir()
    ran = run(*(word.format(chat=path) for word in words), code=2)
    assert says in ran.err
    assert not (tmp_path / "out").exists()


def test_what_is_not_imported_is_told(run: Command, tmp_path: Path) -> None:
    path = chat(tmp_path, [*CHAT, *CHAT, {"type": "user", "message": 3}])
    with path.open("ab") as file:
        file.write(b"\x00\x1b[31m\n")
    ran = run(path, "-o", tmp_path / "out")
    assert "claude: 2 of 32 lines cannot be read" in ran.err
    assert f"{path}:31: " in ran.err
    assert "claude: left out: 14 lines that stand in their session's files twice" in ran.err
    assert "\x1b" not in ran.err


def test_hostile_ids_and_files_stay_what_they_are(run: Command, tmp_path: Path) -> None:
    path = chat(tmp_path, [{**each, "sessionId": "../../up"} for each in CHAT[1:]], session="x y")
    (path.parent / "pipe.jsonl").symlink_to("/dev/zero")
    os.mkfifo(path.parent / "fifo.jsonl")
    (path.parent / "gone.jsonl").symlink_to("nowhere")
    run(tmp_path / "projects", "-o", tmp_path / "out")
    (file,) = (tmp_path / "out").rglob("*.jsonl")
    assert file.parent == tmp_path / "out" / "claude"
    assert lines(file)[0]["sessionId"] == "../../up"
    rollout(tmp_path, {**meta(), "payload": {"id": "..", "cwd": "/"}}, thread=THREAD)
    run("codex", tmp_path / "sessions", "-o", tmp_path / "out")


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is closed to root")
def test_what_is_closed_is_told(run: Command, tmp_path: Path) -> None:
    chat(tmp_path)
    closed = chat(tmp_path, session=LATER)
    closed.chmod(0)
    (tmp_path / "projects" / "shut").mkdir(mode=0)
    ran = run(tmp_path / "projects", "-o", tmp_path / "out")
    (tmp_path / "projects" / "shut").chmod(0o700)
    for path in (closed, tmp_path / "projects" / "shut"):
        assert f"ampmetrics: cannot be read: {path}: Permission denied\n" in ran.err


def test_a_long_session_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path = chat(tmp_path, [])
    much = "<system-reminder>" + "x" * 100_000
    with path.open("w") as file:
        for n in range(600):
            words = much if n % 100 else "Go"
            for each in (user(n / 100, words), said(n / 100, f"m{n}", text("x"), usage(3))):
                file.write(f"{json.dumps(each)}\n")
    code = (
        "import sys; from pathlib import Path; from ampmetrics.cli import main\n"
        f"sys.argv = ['ampmetrics', 'import', {str(path)!r}, '-o', {str(tmp_path / 'out')!r}]\n"
        "try: main()\n"
        "finally: print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert path.stat().st_size > 59_000_000
    assert len(list((tmp_path / "out").rglob("*.jsonl"))) == 1
    # 48 MB here, 46 of them Python and the price list.
    assert int(ran.stdout.split()[-1]) < 80_000


class Broken(Claude):
    """Its sessions break off after their first event."""

    def __init__(self, how: Callable[[], object]) -> None:
        self.how = how

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        def broken(found: Found, reading: Reading) -> Iterator[Event]:
            for event in found.events(reading):
                yield event
                self.how()

        for found in super().sessions(files, reading):
            yield dataclasses.replace(found, events=partial(broken, found))


def two(tmp_path: Path) -> list[Path]:
    """Two sessions that have nothing in common."""
    other = [{**each, "uuid": f"{each.get('uuid')} too"} for each in CHAT]
    for each in other:
        if "id" in each.get("message", {}):
            each["message"] = {**each["message"], "id": f"{each['message']['id']} too"}
    return [chat(tmp_path), chat(tmp_path, other, session=LATER)]


def test_several_readers_come_to_the_same(tmp_path: Path) -> None:
    """A session that begins with a copy of another is read by the same one."""
    copied = [*CHAT[1:], user(40, "More"), said(41, "m9", text("x"), usage(3))]
    third = "efa1e878-62b5-4e40-b281-bbf9b250d766"
    files = [*two(tmp_path), chat(tmp_path, copied, session=third)]
    read: list[int] = []
    results = [
        import_files(Claude(), files, tmp_path / str(readers), wanted=Wanted(), readers=readers,
                     advance=read.append)
        for readers in (1, 2, 8)
    ]  # fmt: skip
    first, *others = [dataclasses.replace(r, cost_usd=round(r.cost_usd, 9)) for r in results]
    assert others == [first, first]
    assert sum(read) == 3 * sum(path.stat().st_size for path in files)
    assert results[0].left_out["messages that repeat those of another session"] == 4
    assert [path.read_bytes() for path in sorted((tmp_path / "1" / "claude").glob("*.jsonl"))] == [
        path.read_bytes() for path in sorted((tmp_path / "2" / "claude").glob("*.jsonl"))
    ]


@pytest.mark.parametrize("readers", [1, 2])
def test_what_is_wrong_in_a_reader_is_raised_and_nothing_half_is_left(
    tmp_path: Path, readers: int
) -> None:
    def wrong() -> None:
        raise ZeroDivisionError("in a source")

    with pytest.raises(ZeroDivisionError, match="in a source"):
        import_files(Broken(wrong), two(tmp_path), tmp_path / "out", wanted=Wanted(),
                     readers=readers)  # fmt: skip
    assert not list((tmp_path / "out" / "claude").iterdir())


def test_a_reader_that_is_killed_is_told(tmp_path: Path) -> None:
    broken = Broken(lambda: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(CannotRunError, match="a reader was killed: import again"):
        import_files(broken, two(tmp_path), tmp_path / "out", wanted=Wanted(), readers=2)
    import_files(Claude(), two(tmp_path), tmp_path / "out", wanted=Wanted())
    assert len(list((tmp_path / "out").rglob("*.jsonl"))) == 2


def test_an_interrupt_leaves_what_was_there(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = chat(tmp_path, CHAT[:10]), tmp_path / "out"
    run("claude", source, "-o", out)
    before = (out / "claude" / f"{SESSION}.jsonl").read_bytes()
    chat(tmp_path)
    monkeypatch.setitem(SOURCES, "claude", Broken(lambda: signal.default_int_handler(2, None)))
    assert "interrupted" in run("claude", source, "-o", out, code=130).err
    assert there(out) == {f"{SESSION}.jsonl"}
    assert (out / "claude" / f"{SESSION}.jsonl").read_bytes() == before


def test_a_terminal_sees_how_far_it_is(tmp_path: Path) -> None:
    """On stderr, and standard output is nothing but the result."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ampmetrics", "import", "claude", str(chat(tmp_path)),
               "-o", str(tmp_path / "out"), "--json"]  # fmt: skip
    env = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, check=True, env={**env, "TERM": "xterm"}
    )
    os.close(theirs)
    assert b"reading" in os.read(ours, 65536)
    os.close(ours)
    assert json.loads(ran.stdout)["sources"][0]["sessions"] == {"new": 1}
