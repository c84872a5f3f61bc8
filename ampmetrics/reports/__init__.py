"""A notebook and its parameters → one HTML file that needs no network; the blocks it is made of.

`build_report` runs a notebook with papermill and writes the page. In a notebook, `headline`,
`figures`, `table` and the other blocks show what there is the way the page does; `duration`, `usd`,
`count` and `rate` write one number, `unknown` where it is null.
"""

from ampmetrics.reports.blocks import (
    Block,
    facts,
    figures,
    headline,
    notice,
    sentences,
    stack,
    text,
)
from ampmetrics.reports.build import build_report
from ampmetrics.reports.chooser import chooser
from ampmetrics.reports.comparing import comparable, comparison
from ampmetrics.reports.conversation import conversation
from ampmetrics.reports.diff import diff
from ampmetrics.reports.format import count, duration, rate, usd
from ampmetrics.reports.logs import logs
from ampmetrics.reports.table import table
from ampmetrics.reports.timeline import timeline
from ampmetrics.reports.words import passed

__all__ = [
    "Block",
    "build_report",
    "chooser",
    "comparable",
    "comparison",
    "conversation",
    "count",
    "diff",
    "duration",
    "facts",
    "figures",
    "headline",
    "logs",
    "notice",
    "passed",
    "rate",
    "sentences",
    "stack",
    "table",
    "text",
    "timeline",
    "usd",
]
