"""The columnar cache beside a connection: what was read of the event files, as Parquet.

It is never needed for a right answer: what it does not hold, or not any more, is read from the
files. Only the views of a kind use it; `events`, `unreadable_lines` and `wrong_values` show the
lines themselves, which as Parquet are read no faster than as they are.
"""

from ampmetrics.tables.cache.build import without_rows
from ampmetrics.tables.cache.kept import Kept
from ampmetrics.tables.cache.place import Cached, cache_folder, cached, clear, opened

__all__ = ["Cached", "Kept", "cache_folder", "cached", "clear", "opened", "without_rows"]
