"""Frames → Altair charts: a function has the name of the aggregate it draws, or says its question.

Every function takes a polars frame as the aggregate returns it and returns a plain Altair chart
with a title, a subtitle that says n and what is unknown or left out, and a description (the
alternative text). Null is never drawn as 0, and NaN is as null; an empty frame gives a chart that
says so. What would be more than a page can show is cut, and the subtitle says by how much.
"""

from ampmetrics.charts.compare import compare
from ampmetrics.charts.costs import cost
from ampmetrics.charts.curve import power_curve
from ampmetrics.charts.edits import file_edits
from ampmetrics.charts.failures import failures
from ampmetrics.charts.loops import edit_loops
from ampmetrics.charts.outcomes import outcomes, pass_rate
from ampmetrics.charts.pairs import flipped_cases, paired_cases
from ampmetrics.charts.sessions import iterations, sessions
from ampmetrics.charts.spent import time_spent
from ampmetrics.charts.time import time_and_cost
from ampmetrics.charts.timeline import timeline
from ampmetrics.charts.tokens import tokens
from ampmetrics.charts.tools import tool_usage

__all__ = [
    "compare",
    "cost",
    "edit_loops",
    "failures",
    "file_edits",
    "flipped_cases",
    "iterations",
    "outcomes",
    "paired_cases",
    "pass_rate",
    "power_curve",
    "sessions",
    "time_and_cost",
    "time_spent",
    "timeline",
    "tokens",
    "tool_usage",
]
