"""Frames → Altair charts: a function has the name of the aggregate it draws, or says its question.

Every function takes a polars frame as the aggregate returns it and returns a plain Altair chart
with a title, a subtitle that says n and what is unknown or left out, and a description (the
alternative text). Null is never drawn as 0; an empty frame gives a chart that says so. What would
be more than a page can show is cut, and the subtitle says by how much.
"""

from ampmetrics.charts.edits import file_edits
from ampmetrics.charts.outcomes import outcomes, pass_rate
from ampmetrics.charts.time import time_and_cost, timeline
from ampmetrics.charts.tokens import tokens
from ampmetrics.charts.tools import tool_usage

__all__ = [
    "file_edits",
    "outcomes",
    "pass_rate",
    "time_and_cost",
    "timeline",
    "tokens",
    "tool_usage",
]
