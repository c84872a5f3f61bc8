"""Files as they come: packed, torn, encoded otherwise, growing, gone; nothing is lost in silence."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ampmetrics.errors import BadInputError
from ampmetrics.events import KINDS
from ampmetrics.tables import connect, describe, query
from ampmetrics.tables.connect import _MANY
from ampmetrics.tables.files import Looks

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LONG = 50 * 1024 * 1024
TOO_LONG = 56 * 1024 * 1024


SKIPPED = b"\x50\x2a\x4d\x18\x04\0\0\0text"
"""A part of a Zstandard file that holds nothing."""


def said(text: str) -> bytes:
    return json.dumps(
        {"type": "user_message", "timestamp": "2024-01-01T10:00:00Z", "data": {"message": text}}
    ).encode()


LINES = b"".join(said(word) + b"\n" for word in ("one", "two", "three"))
SAID = "select message from user_messages"
BAD = "select line, reason from unreadable_lines order by line"


def ask(con: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    return query(con, sql)[1]


def connected(folder: Path, name: str, content: bytes) -> Any:
    (folder / name).write_bytes(content)
    return closing(connect(folder / name))


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("a.jsonl.gz", gzip.compress),
        ("two members.jsonl.gz", lambda raw: gzip.compress(raw[:50]) + gzip.compress(raw[50:])),
        ("gz by another name.jsonl", gzip.compress),
        ("gz in name only.jsonl.gz", bytes),
        ("zst in name only.jsonl.zst", bytes),
        ("a.jsonl.zst", zstd.compress),
        ("zst by another name.jsonl", zstd.compress),
        ("two frames.jsonl.zst", lambda raw: zstd.compress(raw[:50]) + zstd.compress(raw[50:])),
        ("skipped first.jsonl.zst", lambda raw: SKIPPED + zstd.compress(raw) + SKIPPED),
        ("bom.jsonl.zst", lambda raw: zstd.compress(b"\xef\xbb\xbf" + raw)),
        ("gz in a zst name.jsonl.zst", gzip.compress),
        ("zst in a gz name.jsonl.gz", zstd.compress),
        ("zeros behind.jsonl.gz", lambda raw: gzip.compress(raw) + b"\0" * 9),
        ("LOUD.JSONL.GZ", gzip.compress),
        ("what.gz?.jsonl", bytes),
        ("what|.zst?.jsonl.gz", bytes),
        ("bom.jsonl", lambda raw: b"\xef\xbb\xbf" + raw),
        ("bom.jsonl.gz", lambda raw: gzip.compress(b"\xef\xbb\xbf" + raw)),
        ("utf 16.jsonl", lambda raw: raw.decode().encode("utf-16")),
        ("utf 16 be.jsonl", lambda raw: b"\xfe\xff" + raw.decode().encode("utf-16-be")),
        ("windows.jsonl", lambda raw: raw.replace(b"\n", b"\r\n")),
        ("no newline at the end.jsonl", bytes.rstrip),
    ],
)
def test_all_lines_are_read_however_they_are_packed(
    tmp_path: Path, name: str, packed: Callable[[bytes], bytes]
) -> None:
    with connected(tmp_path, name, packed(LINES)) as con:
        assert ask(con, SAID) == [("one",), ("two",), ("three",)]
        assert ask(con, "select file, line from events") == [
            (str(tmp_path / name), line) for line in (1, 2, 3)
        ]
        assert ask(con, BAD) == []


PACKED = [("gz", gzip.compress), ("zst", zstd.compress)]


@pytest.mark.parametrize(("ending", "packed"), PACKED)
@pytest.mark.parametrize("damage", ["cut", "changed", "followed"])
def test_a_packed_file_that_breaks_off_gives_what_it_holds_and_says_so(
    tmp_path: Path, ending: str, packed: Callable[[bytes], bytes], damage: str
) -> None:
    chance = random.Random(1)
    texts = [chance.randbytes(99).hex() for _ in range(5000)]
    whole = packed(b"".join(said(text) + b"\n" for text in texts))
    half = len(whole) // 2
    broken = {
        "cut": whole[:half],
        "changed": whole[:half] + bytes(byte ^ 255 for byte in whole[half:-9]) + whole[-9:],
        "followed": whole + b"{}\n",
    }[damage]
    with connected(tmp_path, f"a.jsonl.{ending}", broken) as con:
        found = [message for (message,) in ask(con, SAID)]
        assert found == texts[: len(found)]
        assert len(found) == 5000 if damage == "followed" else 1000 < len(found) < 4000
        # Changed bytes can still be unpacked for a while, to lines that are none.
        ((reason,),) = ask(con, "select reason from unreadable_lines where line is null")
    assert reason.startswith("it breaks off, and what is behind is not read: ")


@pytest.mark.parametrize(("ending", "packed"), PACKED)
@pytest.mark.parametrize("size", [1, 3, 12, 40])
def test_a_packed_file_that_breaks_off_at_once_is_no_bad_line(
    tmp_path: Path, ending: str, packed: Callable[[bytes], bytes], size: int
) -> None:
    with connected(tmp_path, f"a.jsonl.{ending}", packed(LINES)[:size]) as con:
        ((line, reason),) = ask(con, BAD)
        assert line is None
        assert "breaks off" in reason
        assert ask(con, "from events") == []


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_an_empty_file_is_empty_however_it_is_called(tmp_path: Path, name: str) -> None:
    with connected(tmp_path, name, b"") as con:
        assert ask(con, "from events") == []
        assert ask(con, BAD) == []


def test_garbage_that_begins_like_a_packed_file_is_a_bad_line(tmp_path: Path) -> None:
    for magic in (gzip.compress(b"")[:3], zstd.compress(b"")[:4]):
        with connected(tmp_path, "a.jsonl", magic + b"\n" + LINES) as con:
            assert [line for line, _ in ask(con, BAD)] == [1]
            assert len(ask(con, SAID)) == 3


@pytest.mark.parametrize("byte", [b"x", b"\xff", b"1"])
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_file_of_one_byte_is_a_bad_line(
    tmp_path: Path, byte: bytes, packed: Callable[[bytes], bytes]
) -> None:
    name = "a.jsonl" if packed is bytes else "a.jsonl.gz"
    with connected(tmp_path, name, packed(byte)) as con:
        assert [line for line, _ in ask(con, BAD)] == [1]


def test_many_files_that_are_mended_need_few_open_ones(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for number in range(200):
        (tmp_path / f"{number}.jsonl").write_bytes(b"\xef\xbb\xbf" + LINES)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
        with closing(connect(tmp_path)) as con:
            assert ask(con, "select count(*) from events") == [(600,)]
            assert ask(con, BAD) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_pipe_is_read_once_for_all_queries(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(LINES),))
    writer.start()
    with closing(connect(pipe)) as con:
        for _ in range(2):
            assert ask(con, SAID) == [("one",), ("two",), ("three",)]
            assert ask(con, BAD) == []
    writer.join()


def test_a_file_whose_name_is_no_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINES)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jsonl")).write_bytes(LINES)
    with closing(connect(tmp_path)) as con:
        found = ask(con, "select distinct file from events order by all")
        assert found == [(f"{tmp_path}/{name}.jsonl",) for name in (r"\xff", "a")]


def test_a_file_that_goes_away_while_its_lines_are_told_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: Looks, file: str) -> None:
        Path(file).unlink()
        raise FileNotFoundError(2, "No such file or directory", file)

    with connected(tmp_path, "a.jsonl", LINES + b"garbage\n") as con:
        monkeypatch.setattr(Looks, "open", gone)
        assert ask(con, BAD) == [(None, "No such file or directory")]


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with connected(tmp_path, "a.jsonl", LINES) as con:
        assert len(ask(con, "from events")) == 3
        (tmp_path / "a.jsonl").unlink()
        (tmp_path / "a.jsonl").mkdir()
        assert ask(con, "select * from events") == []
        assert ask(con, BAD) == [(None, "Is a directory")]


def test_a_file_that_comes_later_is_not_of_the_connection(tmp_path: Path) -> None:
    with connected(tmp_path, "a.jsonl", LINES) as con:
        (tmp_path / "b.jsonl").write_bytes(LINES)
        assert ask(con, "select count(*) from events") == [(3,)]


def test_lines_are_counted_with_the_blank_ones(tmp_path: Path) -> None:
    content = b"\n" + said("one") + b"\n\n  \r\n" + said("two") + b"\n{torn\n\n" + said("three")
    (tmp_path / "a.jsonl").write_bytes(content)
    (tmp_path / "b.jsonl").write_bytes(LINES)
    with closing(connect(tmp_path)) as con:
        found = ask(con, "select file[-7], line from events order by all")
        assert found == [("a", 2), ("a", 5), ("a", 8), ("b", 1), ("b", 2), ("b", 3)]
        assert [line for line, _ in ask(con, BAD)] == [6]


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_line_that_is_too_long_is_named_and_the_others_are_read(
    tmp_path: Path, packed: Callable[[bytes], bytes]
) -> None:
    content = said("one") + b"\n" + said("x" * TOO_LONG) + b"\n" + said("y" * LONG) + b"\n"
    (tmp_path / "a.jsonl").write_bytes(packed(content))
    (tmp_path / "b.jsonl").write_bytes(LINES)
    with closing(connect(tmp_path)) as con:
        lengths = "select len({0}), left({0}, 3) from {1} where file like '%a.jsonl' order by all"
        read = [(3, "one"), (LONG, "yyy")]
        assert ask(con, lengths.format("data->>'message'", "events")) == read
        assert ask(con, lengths.format("message", "user_messages")) == read
        assert ask(con, "select count(*) from user_messages") == [(2 + 3,)]
        ((line, reason),) = ask(con, BAD)
    assert line == 2
    assert "bytes" in reason


def test_a_file_is_seen_as_it_is_when_it_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with connected(tmp_path, "a.jsonl", LINES) as con:
        with path.open("ab") as file:
            file.write(said("four")[:30])
            file.flush()
            assert ask(con, "select count(*) from events") == [(3,)]
            assert "not finished" in ask(con, BAD)[0][1]
            file.write(said("four")[30:] + b"\n")
        assert ask(con, "select max(line) from events") == [(4,)]
        assert ask(con, BAD) == []


def test_a_file_that_is_gone_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(LINES)
    with closing(connect(tmp_path)) as con:
        (tmp_path / "a.jsonl").unlink()
        assert ask(con, "select count(*) from events") == [(3,)]
        ((file, line, reason),) = ask(con, "select file, line, reason from unreadable_lines")
        assert (file, line) == (str(tmp_path / "a.jsonl"), None)
        assert "No such file" in reason
        (tmp_path / "b.jsonl").unlink()
        assert ask(con, "select count(*) from tool_calls") == [(0,)]


def test_other_json_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("[1, 2")
    (tmp_path / "a.jsonl").write_bytes(LINES)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with closing(connect(tmp_path)) as con:
        assert ask(con, "select count(*) from events") == [(3,)]
        assert ask(con, BAD) == []


def test_numbers_are_exact_or_null(tmp_path: Path) -> None:
    values = ["9007199254740993", "5.0", "5.7", "1e30", "NaN", '"7"', "true", "null"]
    lines = [
        f'{{"type":"llm_usage","timestamp":"2024-01-01","data":{{"totalTokens":{value},"costUsd":{value}}}}}'
        for value in values
    ]
    with connected(tmp_path, "a.jsonl", "\n".join(lines).encode()) as con:
        tokens = [n for (n,) in ask(con, "select total_tokens from llm_usage")]
        assert tokens == [9007199254740993, 5, None, None, None, None, None, None]
        costs = [n for (n,) in ask(con, "select cost_usd from llm_usage")]
        assert costs[2:5] == [5.7, 1e30, None]
        wrong = "select line from wrong_values where field = 'llm_usage.totalTokens' order by line"
        assert {3, 4, 5, 6, 7} <= {line for (line,) in ask(con, wrong)}


@pytest.mark.parametrize(
    "query_",
    [
        "from read_text('{other}')",
        "from read_text('{other}*')",
        "copy (select 1) to '{new}'",
        "attach '{new}'",
        "export database '{new}'",
        "install httpfs",
        "set enable_external_access = true",
        "reset allowed_paths",
        "from 'ampmetrics://file/{other}|'",
        "from read_text('ampmetrics://file/{other}|')",
        "from read_blob('ampmetrics://file/{other}|')",
    ],
)
def test_a_query_reaches_nothing_but_the_files(tmp_path: Path, query_: str) -> None:
    other, new = tmp_path / "other.csv", tmp_path / "new"
    other.write_text("secret")
    with (
        connected(tmp_path, "a.jsonl", LINES) as con,
        pytest.raises(BadInputError, match="refused"),
    ):
        query(con, query_.format(other=other, new=new))
    assert not new.exists()
    assert other.read_text() == "secret"


def test_external_access_is_there_for_the_asking(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINES)
    with closing(connect(tmp_path, external_access=True)) as con:
        con.execute(f"copy ({SAID}) to '{tmp_path}/said.csv'")
    assert (tmp_path / "said.csv").read_text().split() == ["message", "one", "two", "three"]


def test_temporary_tables_work_in_a_closed_connection(tmp_path: Path) -> None:
    with connected(tmp_path, "a.jsonl", LINES) as con:
        con.execute("create temp table kept as from user_messages")
        assert ask(con, "select count(*) from kept") == [(3,)]


def test_what_is_described_is_what_is_there(tmp_path: Path) -> None:
    with connected(tmp_path, "a.jsonl", LINES) as con:
        for table, meaning, columns in describe():
            found = ask(con, f"select column_name, column_type from (describe {table})")
            kinds = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
            assert found == [(c.name, kinds.get(c.sql_type, c.sql_type)) for c in columns]
            assert meaning
            assert all(column.meaning for column in columns)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**31), 2**53), st.sampled_from([0.5, -2.25]), st.text(max_size=4),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
    st.sampled_from(["2024-01-01T00:00:00Z", "5", "1.5", "true", "nan"]),
)  # fmt: skip


def spellings(event: object) -> list[str]:
    compact = json.dumps(event, separators=(",", ":"))
    return [json.dumps(event), compact, compact.replace("_", r"\u005f", 1), " " + compact]


KEYS = st.sampled_from(
    ["toolName", "args", "startTime", "durationMs", "success", "exitCode", "promptTokens", "path",
     "costUsd", "iterationNumber", "status"]
)  # fmt: skip
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from([*KINDS, "other"]), "timestamp": VALUES, "sessionId": VALUES,
     "trial": VALUES, "data": st.dictionaries(KEYS, VALUES, max_size=6) | VALUES}
).flatmap(lambda event: st.sampled_from(spellings(event)))  # fmt: skip


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(lines=st.lists(EVENTS, max_size=60))
def test_many_files_and_few_are_read_alike(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("alike")
    (folder / "a.jsonl").write_text("\n".join(lines))
    empty = [folder / "empty" / f"{n}.jsonl" for n in range(_MANY)]
    (folder / "empty").mkdir()
    for path in empty:
        path.touch()
    with closing(connect(folder / "a.jsonl")) as few, closing(connect(folder)) as many:
        for table, _, columns in describe():
            if table != "event_files":
                chosen = ", ".join(f"{column.name}::VARCHAR" for column in columns)
                sql = f"select {chosen} from {table} order by all"
                assert ask(few, sql) == ask(many, sql), table
