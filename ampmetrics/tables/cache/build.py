"""Makes the parts of the cache: the lines are read once and each kind is written as its view is."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ampmetrics.events import KINDS
from ampmetrics.tables.cache.manifest import Part, digest
from ampmetrics.tables.cache.state import Piece
from ampmetrics.tables.columns import ENVELOPE, columns_of
from ampmetrics.tables.files import LONGEST_LINE, SHORT_LINE
from ampmetrics.tables.lines import quoted
from ampmetrics.tables.views import lines_of_kinds, rows_of_kind

if TYPE_CHECKING:
    from ampmetrics.tables.source import Source

__all__ = ["batches", "built", "delete", "expressions", "merged", "without_rows"]

_PART = 3 << 26
"""Bytes of events that one part is made of; more would need more memory."""
_FILES = 2000
"""Files that one part is made of: all of them are read again when one is replaced."""
_TO_PARQUET = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440)"


def batches(names: dict[str, Piece]) -> Iterator[dict[str, Piece]]:
    """The pieces, by the names under which DuckDB reads them, as parts are made of them."""
    batch: dict[str, Piece] = {}
    size = 0
    for name, piece in names.items():
        if batch and (size + piece.end - piece.start > _PART or len(batch) == _FILES):
            yield batch
            batch, size = {}, 0
        batch[name] = piece
        size += piece.end - piece.start
    if batch:
        yield batch


def built(source: Source, batch: dict[str, Piece], place: int, folder: Path, *, many: bool) -> Part:
    """One part of pieces, by the names under which DuckDB reads them.

    Raises OSError or duckdb.Error where it cannot be made.
    """
    with _writer(folder, source) as con:
        _read(con, list(batch), many=many)
        found = con.execute("SELECT DISTINCT type FROM lines")
        queries = {kind: rows_of_kind(kind, "lines", many=many) for (kind,) in found.fetchall()}
        return _written(con, queries, list(batch.values()), place, folder)


def _read(con: duckdb.DuckDBPyConnection, files: list[str], *, many: bool) -> None:
    try:
        con.execute(f"CREATE TEMP TABLE lines AS {lines_of_kinds(files, SHORT_LINE, many=many)}")
    except duckdb.InvalidInputException:
        # A longer line; all others are read the same.
        con.execute(f"CREATE TEMP TABLE lines AS {lines_of_kinds(files, LONGEST_LINE, many=many)}")


def merged(parts: list[Part], folder: Path) -> Part:
    """One part in place of several; raises as `built` does."""
    queries = {}
    for kind in KINDS:
        files = [str(folder / part.file_of(kind)) for part in parts if kind in part.kinds]
        if files:
            queries[kind] = f"FROM read_parquet([{', '.join(map(quoted, files))}])"
    pieces: list[Piece] = []
    for piece in (piece for part in parts for piece in part.pieces):
        if pieces and pieces[-1].file == piece.file and pieces[-1].end == piece.start:
            piece = Piece(piece.file, pieces.pop().start, piece.end)
        pieces.append(piece)
    with _writer(folder) as con:
        return _written(con, queries, pieces, parts[0].place, folder)


def without_rows(con: duckdb.DuckDBPyConnection) -> bytes:
    """A Parquet file without a row that has the columns of every kind."""
    recorded = [column for record in KINDS.values() for column in columns_of(record)]
    types = {c.name: c.sql_type for c in [*ENVELOPE, *recorded]} | {"file": "VARCHAR"}
    nothing = ", ".join(f"NULL::{sql_type} AS {name}" for name, sql_type in types.items())
    with tempfile.TemporaryDirectory(prefix="ampmetrics-") as folder:
        path = Path(folder, "nothing.parquet")
        con.execute(f"COPY (SELECT {nothing} WHERE false) TO {quoted(str(path))} (FORMAT parquet)")
        return path.read_bytes()


def expressions(*, many: bool) -> str:
    """All that is asked of the lines: where it changes, parts of before are of no use."""
    rows = (rows_of_kind(kind, "lines", many=many) for kind in KINDS)
    return " ".join([lines_of_kinds([], SHORT_LINE, many=many), *rows])


def delete(part: Part, folder: Path) -> None:
    """Delete the files of a part that nobody was told of."""
    for kind in part.kinds:
        with suppress(OSError):  # The next who uses the cache alone tries again.
            (folder / part.file_of(kind)).unlink()


@contextmanager
def _writer(folder: Path, source: Source | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as con:
        if source:
            con.register_filesystem(source)
        con.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        con.execute("SET memory_limit = '768MB'")
        con.execute("SET temp_directory = ?", [str(folder / f"spill-{secrets.token_hex(8)}")])
        yield con


def _written(
    con: duckdb.DuckDBPyConnection,
    queries: dict[str, str],
    pieces: list[Piece],
    place: int,
    folder: Path,
) -> Part:
    part = Part(secrets.token_hex(8), place, pieces, {})
    try:
        for kind, query in queries.items():
            path = folder / part.file_of(kind)
            part.kinds[kind] = ""
            con.execute(f"COPY ({query}) TO {quoted(str(path))} {_TO_PARQUET}")
            part.kinds[kind] = digest(path.read_bytes())
    except BaseException:
        delete(part, folder)
        raise
    return part
