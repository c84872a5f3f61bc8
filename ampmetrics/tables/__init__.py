"""JSONL → DuckDB: a plain connection whose views read the event files themselves.

Nothing is loaded first, so a query sees the lines that are there when it runs.
"""

from ampmetrics.tables.connect import connect, query, rows
from ampmetrics.tables.views import VIEWS

__all__ = ["VIEWS", "connect", "query", "rows"]
