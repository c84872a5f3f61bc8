"""Where lines live: append an event as one whole line; list and read the event files of a path.

The only writer of event files.
"""

from ampmetrics.jsonl.append import EventFile, sync
from ampmetrics.jsonl.found import (
    ENDINGS,
    RUN_FILE,
    SESSION_FILE,
    event_files,
    names_of_event_files,
    trial_name,
)
from ampmetrics.jsonl.read import read_events
from ampmetrics.jsonl.rewritten import Rewritten

__all__ = [
    "ENDINGS",
    "RUN_FILE",
    "SESSION_FILE",
    "EventFile",
    "Rewritten",
    "event_files",
    "names_of_event_files",
    "read_events",
    "sync",
    "trial_name",
]
