"""Sessions: one conversation with an agent in one workspace, iteration by iteration."""

from ampmetrics.sessions.begin import Order
from ampmetrics.sessions.imported import ImportedSession, find_imported, read_imported
from ampmetrics.sessions.iterate import Done, iterate
from ampmetrics.sessions.patch import write_patch
from ampmetrics.sessions.record import Session, Turn, as_document
from ampmetrics.sessions.store import Kept, delete, find, kept, sessions_folder, stored, unsafe

__all__ = [
    "Done",
    "ImportedSession",
    "Kept",
    "Order",
    "Session",
    "Turn",
    "as_document",
    "delete",
    "find",
    "find_imported",
    "iterate",
    "kept",
    "read_imported",
    "sessions_folder",
    "stored",
    "unsafe",
    "write_patch",
]
