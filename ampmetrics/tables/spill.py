"""Where DuckDB puts what does not fit into memory: by itself that is the current folder."""

from __future__ import annotations

import secrets
import tempfile

import duckdb

__all__ = ["spill_elsewhere"]


def spill_elsewhere(con: duckdb.DuckDBPyConnection) -> None:
    """Let a connection use a temporary folder of its own; DuckDB makes and removes it."""
    folder = f"{tempfile.gettempdir()}/ampmetrics-{secrets.token_hex(8)}"
    con.execute("SET temp_directory = ?", [folder])
