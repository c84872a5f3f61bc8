"""A notebook and its parameters → one HTML file that needs no network; the blocks it is made of.

`build_report` runs a notebook with papermill and writes the page. In a notebook, `headline`,
`figures`, `table`, `facts` and `notice` show numbers the way the page does; `duration`, `usd`,
`count` and `rate` write one number, `unknown` where it is null.
"""

from ampmetrics.reports.blocks import Block, facts, figures, headline, notice, passed, table
from ampmetrics.reports.build import build_report
from ampmetrics.reports.format import count, duration, rate, usd

__all__ = [
    "Block",
    "build_report",
    "count",
    "duration",
    "facts",
    "figures",
    "headline",
    "notice",
    "passed",
    "rate",
    "table",
    "usd",
]
