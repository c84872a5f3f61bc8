"""The columnar cache: the same answers with it and without, whatever happens to files and cache."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_tables import EVENTS, LINES, SPEC, file_of

from ampmetrics.tables import VIEWS, connect, describe
from ampmetrics.tables.cache import cached, clear
from ampmetrics.tables.cache.build import built as built_part
from ampmetrics.tables.span import Span

COLUMNS = {table.name: table.columns for table in describe()}
TABLES = [view for view in VIEWS if view != "events"]
"""Those that may be read from the cache."""
MEGABYTE = 1 << 20
"""Less than this that came to a file is read as it is."""


def call(number: int, size: int = 200) -> str:
    data = {
        "toolName": f"tool-{number % 3}", "durationMs": number, "success": number % 2 == 0,
        "args": {"n": number, "text": "x" * size},
    }  # fmt: skip
    event = {"type": "tool_call", "sessionId": "s", "timestamp": "2024-01-01T10:00:00Z"}
    return json.dumps({**event, "data": data})


def calls(start: int, end: int, size: int = 200) -> list[str]:
    return [call(number, size) for number in range(start, end)]


def append(path: Path, lines: list[str]) -> None:
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def content(con: Any) -> dict[str, list[Any]]:
    """Rows of the tables; they have no order."""
    return {
        view: sorted(con.execute(f"SELECT * FROM {view}").fetchall(), key=repr) for view in TABLES
    }


def difference(told: dict[str, list[Any]], expected: dict[str, list[Any]]) -> dict[str, Any]:
    """First rows that differ, by table."""
    return {
        view: next(((n, *pair) for n, pair in enumerate(zip(rows, told[view], strict=False)) if pair[0] != pair[1]),
                   (len(rows), len(told[view])))
        for view, rows in expected.items()
        if rows != told[view]
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events"
    path.mkdir()
    return path


@pytest.fixture
def is_same(events: Path, folder: Path) -> Iterator[Callable[[], dict[str, list[Any]]]]:
    """Asserts that a connection with a cache tells the same as one without; gives what it tells."""
    living = []

    def compare() -> dict[str, list[Any]]:
        if not living:
            living.append(connect(events, cache=folder))
        with closing(connect(events, cache=False)) as direct:
            expected = content(direct)
        with closing(connect(events, cache=folder)) as new:
            assert difference(content(new), expected) == {}
        assert difference(content(living[0]), expected) == {}
        return expected

    yield compare
    for con in living:
        con.close()


def parts(folder: Path) -> set[str]:
    return {path.name.rpartition("-")[0] for path in folder.glob("*/*.parquet")}


def numbers(told: dict[str, list[Any]]) -> list[float]:
    place = [column.name for column in COLUMNS["tool_calls"]].index("duration_ms")
    return sorted(row[place] for row in told["tool_calls"])


def test_the_sample_run_is_the_same(sample_run: Path, folder: Path) -> None:
    with closing(connect(sample_run, cache=False)) as direct:
        expected = content(direct)
    for _ in range(2):
        with closing(connect(sample_run, cache=folder)) as con:
            assert content(con) == expected
    (entry,) = cached(folder)
    with closing(connect(sample_run)) as con:
        assert con.execute("SELECT count(*) FROM event_files").fetchall() == [(entry.files,)]
    assert (entry.valid, entry.in_use) == (True, False)
    assert entry.paths == [str(sample_run)]
    assert entry.folder.stat().st_mode & 0o777 == 0o700


ODD = st.builds(
    lambda line, end: line + end, LINES | EVENTS, st.sampled_from([b"", b"\r", b"\n", b"\n  "])
)


@pytest.mark.parametrize("n_files", [4, 230])
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_generated_files_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, n_files: int, data: st.DataObject
) -> None:
    base = tmp_path_factory.mktemp("generated")
    (base / "events").mkdir()
    drawn = data.draw(st.lists(st.tuples(st.lists(ODD, max_size=6), st.booleans()), min_size=4))
    for number in range(n_files):
        lines, is_torn = drawn[number % len(drawn)]
        path = file_of(base / "events", lines, f"{number}.jsonl")
        if is_torn:
            path.write_bytes(path.read_bytes()[:-1])
    with closing(connect(base / "events", cache=False)) as direct:
        expected = content(direct)
    for _ in range(2):
        with closing(connect(base / "events", cache=base / "cache")) as con:
            assert content(con) == expected


VALUES = ['"x"', "7", "1.50", "1e2", "-0.0", "1e400", "123456789012345678901234567890", "NaN", "true",
          "null", '""', '"\\u0000"', '"2024-01-01"', '"infinity"', '"2024-01-01T10:00:00+02:00"',
          '"290000-01-01T00:00:00Z"', '{"b":1.50,"b":[1e2]}', "[1, 2]", '"12"', "5.7", "1e-8"]  # fmt: skip


@pytest.mark.parametrize("n_files", [1, 210])
def test_odd_values_are_the_same(
    events: Path, is_same: Callable[[], dict[str, list[Any]]], n_files: int
) -> None:
    keys = ["toolName", "args", "startTime", "durationMs", "success", "exitCode"]
    lines = []
    for value in VALUES:
        lines += [f'{{"type":"tool_call","data":{{"{key}":{value}}}}}' for key in keys]
        lines += [
            f'{{"type":"tool_call","{key}":{value}}}' for key in ("trial", "timestamp", "data")
        ]
        lines += [
            f'{{"type":{value},"type":"tool_call","data":{{"exitCode":1,"exitCode":{value}}}}}'
        ]
    lines += ['{"type":"tool\\u005fcall","data":{"exitCode":3}}']
    for number in range(n_files):
        file_of(events, lines if number == 0 else SPEC, f"{number}.jsonl")
    assert len(is_same()["tool_calls"]) > len(lines) - 40


def test_what_is_held_is_not_read_again(events: Path, folder: Path) -> None:
    path = file_of(events, calls(0, 20_000))
    counts = Path("/proc/self/io")
    if not counts.exists():
        pytest.skip("this system does not tell what a process reads")

    def read_bytes() -> int:
        return int(counts.read_text().split()[1])

    with closing(connect(events, cache=folder)) as con:
        con.execute("SELECT count(*) FROM tool_calls").fetchall()
        before = read_bytes()
        found = con.execute("SELECT sum(duration_ms) FROM tool_calls").fetchall()
        assert read_bytes() - before < path.stat().st_size / 10
        append(path, [call(5)])
        before = read_bytes()
        (more,) = con.execute("SELECT sum(duration_ms) FROM tool_calls").fetchall()
        assert read_bytes() - before < path.stat().st_size / 10
    assert more[0] == found[0][0] + 5


def test_what_comes_to_a_file_is_there_at_once(
    events: Path, folder: Path, is_same: Callable[[], dict[str, list[Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("ampmetrics.tables.cache.kept._LIVE", MEGABYTE)
    path = file_of(events, calls(0, 5))
    assert numbers(is_same()) == [0, 1, 2, 3, 4]
    held = parts(folder)
    append(path, [call(5)])
    assert numbers(is_same()) == [0, 1, 2, 3, 4, 5]
    line = call(6)
    with path.open("a") as file:
        file.write(line[:40])
    assert numbers(is_same()) == [0, 1, 2, 3, 4, 5]
    with path.open("a") as file:
        file.write(line[40:])
    assert numbers(is_same())[-2:] == [5, 6]
    with path.open("a") as file:
        file.write("\n")
    append(path, calls(7, 12_000))
    assert path.stat().st_size > 2 * MEGABYTE
    assert len(numbers(is_same())) == 12_000
    assert held < parts(folder), "what was held is not made again"


def test_a_folder_whose_name_is_only_bytes_is_read_beside_the_cache(
    events: Path, tmp_path: Path, folder: Path
) -> None:
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9"))
    odd.mkdir()
    file_of(odd, calls(0, 3))
    file_of(events, calls(3, 5))
    with closing(connect([odd, events], cache=folder)) as con:
        assert con.execute("SELECT count(*) FROM tool_calls").fetchall() == [(5,)]
    assert [entry.paths for entry in cached(folder)] == [[f"{tmp_path}/caf\\xe9", str(events)]]


def test_a_last_line_that_goes_on_is_not_two_lines(
    events: Path, is_same: Callable[[], dict[str, list[Any]]]
) -> None:
    path = events / "a.jsonl"
    path.write_text("\n".join(calls(0, 3)))
    assert numbers(is_same()) == [0, 1, 2]
    with path.open("a") as file:
        file.write(call(3) + "\n" + call(4) + "\n")
    assert numbers(is_same()) == [0, 1, 4]


def replaced_in_place(path: Path) -> None:
    before = path.stat()
    content = path.read_bytes().replace(b'"durationMs": 3', b'"durationMs": 8')
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def replaced_by_another(path: Path) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes().replace(b'"durationMs": 3', b'"durationMs": 8'))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def replaced_by_a_longer_one(path: Path) -> None:
    text = path.read_text().replace('"durationMs": 3', '"durationMs": 8')
    path.write_text(text + call(9) + "\n")


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def cut_and_grown(path: Path) -> None:
    size = path.stat().st_size
    path.write_text("".join(f"{line}\n" for line in calls(50, 60)))
    assert path.stat().st_size > size


def emptied(path: Path) -> None:
    path.write_text("")


def renamed(path: Path) -> None:
    path.rename(path.with_name("renamed.jsonl"))


def packed_instead(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes() + call(9).encode()))


def marked(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


CHANGES = [
    replaced_in_place, replaced_by_another, replaced_by_a_longer_one, truncated, cut_and_grown,
    emptied, renamed, packed_instead, marked, Path.unlink,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_is_noticed(
    events: Path, folder: Path, change: Callable[[Path], None]
) -> None:
    path = file_of(events, calls(0, 5), "a.jsonl")
    file_of(events, calls(5, 8), "b.jsonl")
    with (
        closing(connect(events, cache=folder)) as con,
        closing(connect(events, cache=False)) as direct,
    ):
        before = content(con)
        assert content(direct) == before
        change(path)
        for _ in range(2):
            now = content(con)
            assert now == content(direct)
            assert now["tool_calls"] != before["tool_calls"] or change is marked
    with (
        closing(connect(events, cache=folder)) as con,
        closing(connect(events, cache=False)) as direct,
    ):
        assert content(con) == content(direct)


def test_a_new_file_is_there_for_the_next_connection_and_no_other(
    events: Path, folder: Path
) -> None:
    file_of(events, calls(0, 3), "b.jsonl")
    with closing(connect(events, cache=folder)) as old:
        assert numbers(content(old)) == [0, 1, 2]
        file_of(events, calls(3, 5), "a.jsonl")
        with closing(connect(events, cache=folder)) as new:
            assert sorted(numbers(content(new))) == [0, 1, 2, 3, 4]
            assert numbers(content(old)) == [0, 1, 2]
            held = parts(folder)
            assert sorted(numbers(content(new))) == [0, 1, 2, 3, 4]
            assert parts(folder) == held, "they do not undo each other's work"
            for name in ("a", "b"):
                file_of(events, calls(6, 7), f"{name}.jsonl")
            assert numbers(content(new)) == [6, 6]
            held = parts(folder)
            assert numbers(content(old)) == [6]
            assert numbers(content(new)) == [6, 6]
            assert parts(folder) == held, "also where the old one could use none of it"


def test_a_packed_file_is_held_and_noticed(
    events: Path, folder: Path, is_same: Callable[[], dict[str, list[Any]]]
) -> None:
    path = events / "a.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(calls(0, 3)).encode()))
    file_of(events, [b"\xef\xbb\xbf" + call(7).encode()], "bom.jsonl")
    assert numbers(is_same()) == [0, 1, 2, 7]
    assert parts(folder)
    path.write_bytes(gzip.compress("\n".join(calls(0, 4)).encode()))
    assert numbers(is_same()) == [0, 1, 2, 3, 7]
    path.write_bytes(path.read_bytes()[:-9])
    is_same()


def test_a_line_that_is_too_long_comes(
    events: Path, is_same: Callable[[], dict[str, list[Any]]]
) -> None:
    path = file_of(events, calls(0, 3))
    is_same()
    append(path, [call(3, size=70 * MEGABYTE), call(4)])
    assert numbers(is_same()) == [0, 1, 2, 4]


def test_a_file_that_grows_while_it_is_read(
    events: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(events, calls(0, 3))
    os.utime(path, (0, 0))

    def built(*given: Any, **named: Any) -> Any:
        append(path, [call(3)])
        return built_part(*given, **named)

    monkeypatch.setattr("ampmetrics.tables.cache.grow.built", built)
    with closing(connect(events, cache=folder)) as con:
        for turn in range(3):
            told = numbers(content(con))
            assert told[:3] == [0, 1, 2]
            assert told[3:] == [3] * path.read_text().count('"durationMs": 3'), turn


def test_a_span_is_read_by_several_threads(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(100)))
    span = Span(str(path), 10, 60)
    assert span.seek(5) == 5

    def elsewhere() -> None:
        assert span.seek(-3, os.SEEK_END) == 47
        assert span.read(9) == bytes(range(57, 60))

    other = threading.Thread(target=elsewhere)
    other.start()
    other.join()
    assert span.read(4) == bytes(range(15, 19))
    assert span.read(1) == bytes([19])
    assert span.seek(0) == 0
    assert span.read() == bytes(range(10, 60))
    span.close()


def test_many_small_parts_become_one(
    events: Path, folder: Path, is_same: Callable[[], dict[str, list[Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("ampmetrics.tables.cache.kept._LIVE", MEGABYTE)
    monkeypatch.setattr("ampmetrics.tables.cache.grow._PARTS", 3)
    one, two = file_of(events, calls(0, 3), "a.jsonl"), file_of(events, calls(0, 2), "b.jsonl")
    is_same()
    for turn in range(1, 5):
        append(one, calls(turn * 10, turn * 10 + 3, size=500_000))
        append(two, [call(turn)])
        is_same()
    with closing(connect(events, cache=folder)) as con:
        con.execute("FROM tool_calls").fetchall()
    (entry,) = cached(folder)
    manifest = json.loads((entry.folder / "manifest.json").read_bytes().partition(b"\n")[2])
    assert 1 < len(manifest["parts"]) <= 3


def test_a_small_file_that_grew_long_ago_is_held_once(
    events: Path, is_same: Callable[[], dict[str, list[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ampmetrics.tables.cache.kept._LIVE", MEGABYTE)
    large, small = (file_of(events, calls(0, 2), name) for name in ("a.jsonl", "b.jsonl"))
    is_same()
    append(large, calls(2, 5, size=500_000))
    append(small, calls(2, 3))
    for path in (large, small):
        os.utime(path, (1e9, 1e9))
    assert len(numbers(is_same())) == 5 + 3


def spoiled_manifest(entry: Path) -> None:
    path = entry / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"tool_call"', b'"tool_calx"'))


def cut_manifest(entry: Path) -> None:
    path = entry / "manifest.json"
    path.write_bytes(path.read_bytes()[:-20])


def no_manifest(entry: Path) -> None:
    (entry / "manifest.json").unlink()


def spoiled_parts(entry: Path) -> None:
    for path in entry.glob("*.parquet"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)


def cut_parts(entry: Path) -> None:
    for path in entry.glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-30])


def no_parts(entry: Path) -> None:
    for path in entry.glob("*.parquet"):
        path.unlink()


def nothing(entry: Path) -> None:
    shutil.rmtree(entry)


def a_file_instead(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.write_text("no folder")


@pytest.mark.parametrize("damage", [spoiled_manifest, cut_manifest, no_manifest, spoiled_parts,
                                    cut_parts, no_parts, nothing, a_file_instead])  # fmt: skip
@pytest.mark.parametrize("living", [True, False])
def test_a_damaged_cache_is_noticed(
    events: Path, folder: Path, damage: Callable[[Path], None], living: bool
) -> None:
    file_of(events, calls(0, 3000))
    con = connect(events, cache=folder)
    expected = content(con)
    (entry,) = cached(folder)
    if not living:
        con.close()
    damage(entry.folder)
    if not living:
        con = connect(events, cache=folder)
    for _ in range(2):
        assert content(con) == expected
    con.close()
    if damage is not a_file_instead:
        assert cached(folder)[0].valid
        assert cached(folder)[0].files == 1


QUERY = """
import os, resource, signal, sys
from ampmetrics.tables import connect
events, cache, how = sys.argv[1:]
if how == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
con = connect(events, cache=cache)
print("ready", flush=True)
sys.stdin.readline()
print(con.execute("SELECT count(*), sum(duration_ms) FROM tool_calls").fetchall()[0], flush=True)
con.close()
"""


def start(events: Path, folder: Path, how: str = "") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", QUERY, events, folder, how],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_several_processes_at_once(events: Path, folder: Path) -> None:
    file_of(events, calls(0, 60_000))
    processes = [start(events, folder) for _ in range(3)]
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate()
        assert (out, err) == ("(60000, 1799970000.0)\n", "")
    (entry,) = cached(folder)
    assert (entry.files, entry.valid) == (1, True)
    assert len(parts(folder)) == 1


def test_a_builder_that_is_killed_leaves_nothing_wrong(events: Path, folder: Path) -> None:
    path = file_of(events, calls(0, 200_000))
    process = start(events, folder)
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()
    while not list(folder.glob("*/*.parquet")) and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    left = {path.name for path in folder.glob("*/*")}
    with closing(connect(path.parent, cache=folder)) as con:
        assert con.execute("SELECT count(*) FROM tool_calls").fetchall() == [(200_000,)]
        names = {path.name for path in folder.glob("*/*")}
    assert left - names, "what it left is swept"
    assert len(parts(folder)) == 1


def test_a_full_disk_is_told_and_the_answer_is_right(events: Path, folder: Path) -> None:
    file_of(events, [line.replace("tool-", f"{n * n}-") for n, line in enumerate(calls(0, 60_000))])
    process = start(events, folder, "full")
    out, err = process.communicate("\n")
    assert out == "(60000, 1799970000.0)\n"
    assert "the cache cannot be built" in err
    assert not parts(folder)


def test_a_cache_that_cannot_be_made_is_told_and_not_needed(
    events: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file_of(events, calls(0, 3))
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING), closing(connect(events, cache=tmp_path / "file")) as con:
        assert numbers(content(con)) == [0, 1, 2]
    assert "read without a cache" in caplog.text


def test_another_version_makes_its_own(
    events: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_of(events, calls(0, 3))
    with closing(connect(events, cache=folder)) as con:
        content(con)
    monkeypatch.setattr("duckdb.__version__", "0.0")
    (entry,) = cached(folder)
    assert not entry.valid
    with closing(connect(events, cache=folder)) as con:
        assert numbers(content(con)) == [0, 1, 2]
    assert sorted(entry.valid for entry in cached(folder)) == [False, True]


def told(con: Any, query: str) -> Any:
    try:
        return con.execute(query).fetchall()
    except Exception as error:
        refused = re.search(r"(?i)permission|cannot|locked|not allowed", str(error))
        return "refused" if refused else str(error)


def test_a_query_gets_at_nothing_more(events: Path, folder: Path, tmp_path: Path) -> None:
    path = file_of(events, calls(0, 3))
    secret = file_of(tmp_path, ['{"secret":1}'], "secret.jsonl")
    database = tmp_path / "secret.duckdb"
    with closing(duckdb.connect(str(database))) as own:
        own.execute("CREATE TABLE secret AS SELECT 1")
    with closing(connect(events, cache=folder)) as con:
        content(con)
        (entry,) = cached(folder)
        part = next(entry.folder.glob("*.parquet"))
        piece = f"ampmetrics://bytes/{str(secret).encode().hex()}/{0:020d}-{20:020d}"
        for query in (
            f"COPY (SELECT 1) TO '{entry.folder}/x.csv'",
            f"COPY (SELECT 1) TO '{part}'",
            f"COPY (SELECT 1) TO 'ampmetrics://part/{part.name}'",
            f"FROM read_parquet('{part}')",
            f"FROM read_text('{entry.folder}/manifest.json')",
            "FROM read_text('ampmetrics://part/manifest.json')",
            "FROM read_text('ampmetrics://part/../../../secret.jsonl')",
            f"FROM read_text('{piece}')",
            "SET lock_configuration = false",
            f"ATTACH 'ampmetrics://part/../../{database.name}' AS x (READ_ONLY); FROM x.secret",
        ):
            assert told(con, query) in ("refused", []), query
        assert numbers(content(con)) == [0, 1, 2]
    assert path.exists()


def test_threads_of_one_connection(events: Path, folder: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    path = file_of(events, calls(0, 30_000))
    with closing(connect(events, cache=folder)) as con:

        def ask(turn: int) -> list[Any]:
            with closing(con.cursor()) as cursor:
                if turn % 4 == 3:
                    append(path, calls(0, 1))
                return cursor.execute("SELECT count(*), max(args) FROM tool_calls").fetchall()

        with ThreadPoolExecutor(6) as pool:
            counts = [found[0][0] for found in pool.map(ask, range(24))]
        assert min(counts) >= 30_000
        assert con.execute("SELECT count(*) FROM tool_calls").fetchall() == [(30_006,)]


def test_without_being_asked_it_is_built_only_where_it_pays(
    events: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMPMETRICS_CACHE", str(folder))
    file_of(events, calls(0, 3), "a.jsonl")
    with closing(connect(events)) as con:
        for _ in range(10):
            content(con)
    assert not folder.exists()
    for number in range(500):
        file_of(events, [call(number)], f"{number}.jsonl")
    with closing(connect(events)) as con:
        con.execute("SELECT count(*) FROM tool_calls").fetchall()
    assert not parts(folder), "one query costs less"
    with closing(connect(events)) as con:
        for _ in range(10):
            assert con.execute("SELECT count(*) FROM tool_calls").fetchall() == [(503,)]
    assert parts(folder)


def test_only_what_nobody_uses_is_cleared(events: Path, folder: Path) -> None:
    file_of(events, calls(0, 3))
    with closing(connect(events, cache=folder)) as con:
        content(con)
        assert cached(folder)[0].in_use
        assert clear(cached(folder)) == cached(folder)
        assert numbers(content(con)) == [0, 1, 2]
    assert clear(cached(folder)) == []
    assert cached(folder) == []


def test_what_was_not_used_for_long_goes_with_the_next_that_is_made(
    events: Path, folder: Path
) -> None:
    for name in ("a", "b", "c"):
        file_of(events, calls(0, 3), f"{name}.jsonl")
    for name in ("a", "b"):
        with closing(connect(events / f"{name}.jsonl", cache=folder)) as con:
            content(con)
    (old,) = (each for each in cached(folder) if each.paths == [str(events / "a.jsonl")])
    os.utime(old.folder / "used", (0, 0))
    with closing(connect(events / "c.jsonl", cache=folder)) as con:
        content(con)
    assert sorted(Path(each.paths[0]).name for each in cached(folder)) == ["b.jsonl", "c.jsonl"]
