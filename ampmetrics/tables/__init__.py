"""JSONL → DuckDB: a plain connection whose views read the event files themselves.

Nothing is loaded first, so a query sees the lines that are there when it runs.
"""

from ampmetrics.tables.columns import VIEWS, Column, Table, describe
from ampmetrics.tables.connect import connect, connected_paths, query, rows

__all__ = [
    "VIEWS",
    "Column",
    "Table",
    "connect",
    "connected_paths",
    "describe",
    "query",
    "rows",
]
