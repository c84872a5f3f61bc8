"""What could not be read: every line that is no event, with its file, number and reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import msgspec

from ampmetrics.tables.views import quoted

__all__ = ["UnreadableLine", "unreadable_lines"]

_SHOWN = 200


class UnreadableLine(NamedTuple):
    """One line that is no event; `line` counts from 1, `text` is its beginning."""

    file: str
    line: int
    reason: str
    text: str


def unreadable_lines(con: duckdb.DuckDBPyConnection, files: list[str]) -> Iterator[UnreadableLine]:
    """One item a line that no view can show, in the order of the files."""
    listed = ", ".join(quoted(file) for file in files)
    suspects = con.execute(
        f"SELECT filename FROM read_ndjson_objects([{listed}], format='newline_delimited', "
        "ignore_errors=true, filename=true, maximum_object_size=67108864) "
        "GROUP BY filename "
        "HAVING bool_or(json IS NULL OR json_type(json, '$.type') IS DISTINCT FROM 'VARCHAR') "
        "ORDER BY filename"
    ).fetchall()
    for (file,) in suspects:
        yield from _of_file(file)


def _of_file(path: str) -> Iterator[UnreadableLine]:
    with open(path, "rb") as file:  # noqa: PTH123 - DuckDB names files as text
        for number, raw in enumerate(file, 1):
            if raw.strip() and (reason := _reason(raw)):
                text = raw[:_SHOWN].decode(errors="replace").rstrip("\r\n")
                yield UnreadableLine(path, number, reason, text)


def _reason(raw: bytes) -> str | None:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        torn = "" if raw.endswith(b"\n") else "the line is not finished: "
        return f"{torn}{error}"
    if not isinstance(value, dict):
        return f"not a JSON object but {type(value).__name__}"
    if not isinstance(value.get("type"), str):
        return "no event: it has no text in 'type'"
    return None
