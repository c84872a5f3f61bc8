"""`ampmetrics export`: nothing is lost on the way to a table, and nothing overwritten unasked."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import exported
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ampmetrics import exporters
from ampmetrics.cli import cli
from ampmetrics.errors import BadInputError
from ampmetrics.importers import Wanted, find, import_files
from ampmetrics.tables import connect, describe

ALL = {table.name: table for table in describe()}


def export(*arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ampmetrics", "export", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=given, check=False)


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def tables_of(con: duckdb.DuckDBPyConnection, but: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    """Every table as its rows, in an order that does not depend on where they were read from."""
    return {
        name: sorted(
            con.execute(f"SELECT {', '.join(_columns(name, but))} FROM {name}").fetchall(), key=repr
        )
        for name in ALL
    }


def _columns(name: str, but: tuple[str, ...]) -> list[str]:
    return [f'"{c.name}"' for c in ALL[name].columns if c.name not in but] or ["1"]


@settings(
    max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(exported.event_files())
def test_every_table_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, events: list[exported.Json]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    path = exported.write(folder / "a.jsonl", events, b"nonsense", b'{"type": 5}', b"")
    with closing(connect(path, cache=False)) as con:
        before = tables_of(con)
        unlined = tables_of(con, but=("file", "line"))
        exporters.duckdb(con, folder / "a.duckdb")
        exporters.sqlite(con, folder / "a.sqlite")
        exporters.parquet(con, folder / "parquet")
        exporters.parquet(con, folder / "days", by_day=True)
        exporters.jsonl(con, folder / "b.jsonl")
        exporters.csv(con, folder / "csv")
    with closing(duckdb.connect(str(folder / "a.duckdb"), read_only=True)) as con:
        con.execute("SET TimeZone = 'UTC'")
        assert tables_of(con) == before
    with closing(duckdb.connect()) as con:
        con.execute("SET TimeZone = 'UTC'")
        for name in ALL:
            con.execute(f"CREATE VIEW {name} AS FROM '{folder}/parquet/{name}.parquet'")
        assert tables_of(con) == before
    with closing(duckdb.connect()) as con:
        con.execute("SET TimeZone = 'UTC'")
        for name in ALL:
            divided = folder / "days" / name
            files = f"{divided}/**/*.parquet" if divided.is_dir() else f"{divided}.parquet"
            con.execute(
                f"CREATE VIEW {name} AS FROM read_parquet('{files}', hive_partitioning=true)"
            )
        assert tables_of(con) == before
    assert _of_csv(folder / "csv") == before
    assert _of_sqlite(folder / "a.sqlite") == {
        name: sorted([tuple(map(_as_sqlite, row)) for row in rows], key=repr)
        for name, rows in before.items()
    }
    with closing(connect(folder / "b.jsonl", cache=False)) as con:
        again = tables_of(con, but=("file", "line"))
    assert again | {"unreadable_lines": unlined["unreadable_lines"]} == unlined
    assert not again["unreadable_lines"]
    assert lines_of(folder / "b.jsonl") == events


_UNSEEN = ("file", "line", "source_file", "source_line")
"""Columns that say where an event stands now, or which file it came from if it says none."""


@settings(
    max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(exported.event_files())
def test_what_is_exported_to_other_tools_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, events: list[exported.Json]
) -> None:
    folder = tmp_path_factory.mktemp("back")
    judged = {event.get("sessionId"): event for event in events}.values()
    ends = [{**event, "type": "trial_end", "data": {"success": True}} for event in judged]
    with closing(connect(exported.write(folder / "a.jsonl", [*events, *ends]), cache=False)) as con:
        before = tables_of(con, but=_UNSEEN)
        exporters.atif(con, folder / "atif")
        (folder / "otel").mkdir()
        exporters.otlp(con, folder / "otel" / "a.jsonl")
        exporters.amp_eval(con, folder / "amp-eval")
    for name in ("atif", "otel", "amp-eval"):
        ((source, files),) = find([folder / name], None).items()
        done = import_files(source, files, folder / "out", wanted=Wanted())
        assert (source.name, done.events, done.unreadable) == (name, len(events) + len(ends), [])
        with closing(connect(folder / "out" / name, cache=False)) as con:
            after = tables_of(con, but=_UNSEEN)
            told_from = con.execute("SELECT source_file, source_line FROM events").fetchall()
        # Of files there is one for each session.
        assert {**after, "event_files": []} == {**before, "event_files": []}
        assert all(file is not None for file, _ in told_from)


def _of_csv(folder: Path) -> dict[str, list[Any]]:
    """As who knows the types reads it: a text without the first `'`, an empty cell is null."""
    with closing(duckdb.connect()) as con:
        con.execute("SET TimeZone = 'UTC'")
        for name, table in ALL.items():
            names = {column.name: column.sql_type for column in table.columns}
            cells = ", ".join(f"'{column}': 'VARCHAR'" for column in names)
            values = ", ".join(
                f'(CASE WHEN starts_with("{column}", chr(39)) THEN "{column}"[2:] '
                f'ELSE "{column}" END)::{kind} AS "{column}"'
                for column, kind in names.items()
            )
            con.execute(
                f"CREATE VIEW {name} AS SELECT {values} FROM read_csv('{folder}/{name}.csv', "
                f"columns={{{cells}}}, header=true, auto_detect=false, quote='\"', escape='\"', "
                "allow_quoted_nulls=false, parallel=false)"
            )
        return tables_of(con)


def _of_sqlite(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as con:
        return {
            name: sorted(con.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in ALL
        }


def _as_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y").zfill(4) + value.strftime("-%m-%dT%H:%M:%S.%fZ")
    return int(value) if isinstance(value, bool) else value


@settings(
    max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(exported.event_files())
def test_a_session_a_file_keeps_every_event_and_no_session_leaves_the_folder(
    tmp_path_factory: pytest.TempPathFactory, events: list[exported.Json]
) -> None:
    folder = tmp_path_factory.mktemp("sessions")
    # A copy is one session more: in one file with the first nobody could tell them apart.
    for name in ("a.jsonl", "b.jsonl"):
        exported.write(folder / name, events)
    with closing(connect(folder, cache=False)) as con:
        sessions = con.execute("SELECT DISTINCT file, session_id FROM events").fetchall()
        written = exporters.jsonl_a_session(con, folder / "out")
        (before,) = con.execute(
            "SELECT list_sort(list(to_json(s)::VARCHAR)) FROM (SELECT * EXCLUDE (file) FROM sessions) s"
        ).fetchall()
    files = list((folder / "out").iterdir())
    assert len(files) == len(sessions)
    assert written.what == f"{2 * len(events)} events in {len(files)} file{'s' * (len(files) != 1)}"
    for file in files:
        assert len({event.get("sessionId") for event in lines_of(file)}) == 1
    again = [json.dumps(event, sort_keys=True) for file in files for event in lines_of(file)]
    assert sorted(again) == sorted(2 * [json.dumps(event, sort_keys=True) for event in events])
    with closing(connect(folder / "out", cache=False)) as con:
        (after,) = con.execute(
            "SELECT list_sort(list(to_json(s)::VARCHAR)) FROM (SELECT * EXCLUDE (file) FROM sessions) s"
        ).fetchall()
    assert after == before


def test_jsonl_is_strict_whole_and_says_what_is_not_in_it(tmp_path: Path) -> None:
    lines = [
        '{"type":"tool_call","timestamp":"2026-01-01T00:00:00Z","data":{"args":{"a":[NaN,-Infinity,"NaN, }"],},},}',
        '  {"type":"new_kind","huge":123456789012345678901234567890,"timestamp":"x","data":1e2}  \r',
        "",
        '{"type":"tool_call","sess',
        "[]",
    ]
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    ran = export(path, "--to", "jsonl", "-o", tmp_path / "out.jsonl")
    assert (ran.returncode, ran.stdout) == (0, f"Written: {tmp_path / 'out.jsonl'} (2 events)\n")
    assert "2 lines that cannot be read as an event" in ran.stderr
    assert (tmp_path / "out.jsonl").read_text().splitlines() == [
        '{"type":"tool_call","timestamp":"2026-01-01T00:00:00Z","data":{"args":{"a":[null,null,"NaN, }"]}}}',
        '{"type":"new_kind","huge":123456789012345678901234567890,"timestamp":"x","data":1e2}',
    ]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported.write_session(tmp_path_factory.mktemp("told"))


def test_a_csv_holds_no_formula_and_loses_nothing(told: Path, tmp_path: Path) -> None:
    with closing(connect(told, cache=False)) as con:
        exporters.csv(con, tmp_path / "csv")
        messages = con.execute("SELECT message, session_id FROM user_messages").fetchall()
        edits = con.execute("SELECT diff, old_path, lines_added FROM file_edits").fetchall()
    for name, table in ALL.items():
        with (tmp_path / "csv" / f"{name}.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == [c.name for c in table.columns]
        texts = [
            place for place, c in enumerate(table.columns) if c.sql_type in ("VARCHAR", "JSON")
        ]
        assert not [
            row[p]
            for row in rows[1:]
            for p in texts
            if row[p][:1] in tuple("=+-@\t\r\n＝＋－＠")[:] and row[p]
        ]
    found = pl.read_csv(tmp_path / "csv" / "user_messages.csv")
    assert found["message"].str.strip_prefix("'").to_list() == [text for text, _ in messages]
    found = pl.read_csv(tmp_path / "csv" / "file_edits.csv")
    assert (
        found.select(pl.col("diff").str.strip_prefix("'"), "old_path", "lines_added").rows()
        == edits
    )
    assert found["timestamp"][0].endswith("Z")


def test_days_are_utc_and_tables_without_a_time_are_one_file(told: Path, tmp_path: Path) -> None:
    ran = export(told, "--to", "parquet", "--by-day", "-o", tmp_path / "p")
    assert ran.returncode == 0
    days = sorted(path.name for path in (tmp_path / "p" / "events").iterdir())
    assert days == ["day=2026-01-02", "day=2026-01-03"]
    assert (tmp_path / "p" / "event_files.parquet").is_file()
    frame = pl.scan_parquet(tmp_path / "p" / "tool_calls", hive_partitioning=True).collect()
    assert (frame["started_at"].dt.date() == frame["day"]).drop_nulls().all()
    assert frame.schema["duration_ms"] == pl.Float64
    assert frame.schema["timestamp"] == pl.Datetime("us", "UTC")
    # Those without a time have no day.
    without = exported.write(
        tmp_path / "no.jsonl",
        [{"type": "tool_call", "sessionId": "s", "timestamp": at, "data": {"toolName": at}}
         for at in ("yesterday", "2026-01-02T00:00:00Z")],
    )  # fmt: skip
    with closing(connect(without, cache=False)) as con:
        exporters.parquet(con, tmp_path / "n", by_day=True)
    assert {path.name for path in (tmp_path / "n" / "tool_calls").iterdir()} == {
        "day=__HIVE_DEFAULT_PARTITION__", "day=2026-01-02",
    }  # fmt: skip
    named = pl.scan_parquet(tmp_path / "n" / "tool_calls", hive_partitioning=True).collect()
    assert set(named.select("tool_name", "day").rows()) == {
        ("yesterday", None), ("2026-01-02T00:00:00Z", date(2026, 1, 2)),
    }  # fmt: skip
    codecs = duckdb.sql(
        f"SELECT DISTINCT compression FROM parquet_metadata('{tmp_path}/p/events/*/*.parquet')"
    )
    assert codecs.fetchall() == [("ZSTD",)]


METRIC = {
    "metric_iterations": "id session_id iteration_number started_at ended_at duration_ms status exit_code git_sha_start git_sha_end files_changed loc_added loc_deleted total_cost_usd created_at",
    "metric_tool_calls": "id iteration_id tool_name args_json started_at ended_at duration_ms success error_message cost_usd created_at",
    "metric_llm_usage": "id iteration_id model prompt_tokens completion_tokens total_tokens cost_usd latency_ms temperature top_p timestamp created_at",
    "metric_git_operations": "id iteration_id operation sha_before sha_after files_changed insertions deletions conflicted duration_ms timestamp created_at",
    "metric_test_results": "id iteration_id framework command total_tests passed failed skipped coverage_percent duration_ms exit_code timestamp created_at",
    "metric_file_edits": "id iteration_id file_path operation_type lines_added lines_deleted size_bytes timestamp created_at",
    "metric_user_messages": "id iteration_id message timestamp created_at",
}


def test_the_tables_of_amp_session_manager(told: Path, tmp_path: Path) -> None:
    ran = export(told, "--to", "sqlite", "--metric-tables", "-o", tmp_path / "a.sqlite")
    assert ran.returncode == 0
    assert "1 line of the input cannot be read" in ran.stderr
    assert "1 row of no iteration" in ran.stderr
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as con:
        for name, columns in METRIC.items():
            assert [row[1] for row in con.execute(f"PRAGMA table_info({name})")] == columns.split()
        assert con.execute("PRAGMA foreign_key_check").fetchall() == []
        assert con.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        query = (
            "SELECT duration_ms, status, exit_code, git_sha_end, files_changed, loc_added, total_cost_usd "
            "FROM metric_iterations WHERE session_id = 'one/high'"
        )
        # The sum over the run has no cost, so the iteration has none that is known.
        assert con.execute(query).fetchall() == [(1500, "failed", 1, "b" * 40, 1, 4, None)]
        calls = (
            "SELECT tool_name, args_json, duration_ms, success FROM metric_tool_calls ORDER BY 1"
        )
        assert con.execute(calls).fetchall()[0] == ("Bash", '{"cmd":"ls","n":3}', 1000, 0)
        assert con.execute("SELECT count(*) FROM metric_tool_calls").fetchall() == [(8,)]
        ((schema,),) = con.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'tool_calls'"
        ).fetchall()
        assert '"tool_name" TEXT, -- The tool\'s name as the agent spells it' in schema


def test_nothing_is_overwritten_unasked_and_half_an_export_is_none(
    told: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    refused = export(told, "--to", "jsonl", "-o", out)
    assert (refused.returncode, out.read_text()) == (2, "mine")
    assert refused.stderr == f"ampmetrics: {out} is there already: --force replaces it\n"
    assert export(told, "--to", "jsonl", "-o", out, "--force").returncode == 0
    assert len(out.read_text().splitlines()) == len(told.read_text().splitlines()) - 1
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "earlier.json").write_text("{}")
    with closing(connect(told, cache=False)) as con:
        for force in (False, True):
            with exporters.placed(folder, is_folder=True, force=force) as place:
                exporters.amp_eval(con, place)
        there = sorted(path.name for path in folder.iterdir())
        assert len(there) == 3
        with (
            pytest.raises(BadInputError, match=r"is there already \(and 1 more\)"),
            exporters.placed(folder, is_folder=True, force=False) as place,
        ):
            exporters.amp_eval(con, place)
    assert sorted(path.name for path in folder.iterdir()) == there
    with pytest.raises(RuntimeError):
        _write_half(tmp_path / "new.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "results"]


def _write_half(out: Path) -> None:
    with exporters.placed(out, is_folder=False, force=False) as place:
        place.write_text("half")
        raise RuntimeError


def test_what_cannot_be_asked_for_is_refused(told: Path, tmp_path: Path) -> None:
    for arguments, reason in (
        (["--to", "csv", "--by-day"], "--by-day is for --to parquet, not csv"),
        (["--to", "sqlite", "-o", tmp_path], "is a folder: name another place"),
        (["--to", "csv", "-o", told], "is no folder: name another place"),
        (["--to", "sqlite", "-o", tmp_path / "no" / "x.db"], "cannot be written"),
        (["--to", "jsonl", "-o", "-"], "name it with -o"),
        (
            [told.parent, "--to", "jsonl", "-o", told.parent / "all.jsonl"],
            "read together with it the next time",
        ),
    ):
        with pytest.raises(BadInputError, match=reason):
            cli.main(
                ["export", str(told), "-o", str(tmp_path / "x"), *map(str, arguments)],
                standalone_mode=False,
            )
    assert list(tmp_path.iterdir()) == []
    piped = export("-", "--to", "duckdb", "-o", tmp_path / "a.duckdb", given=told.read_text())
    assert piped.returncode == 0
    with closing(duckdb.connect(str(tmp_path / "a.duckdb"), read_only=True)) as con:
        assert con.execute("SELECT count(*) FROM tool_calls").fetchall() == [(9,)]
        ((comment,),) = con.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'tool_calls' AND column_name = 'success'"
        ).fetchall()
        assert comment.startswith("False: a tool error")
