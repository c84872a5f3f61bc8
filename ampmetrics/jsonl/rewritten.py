"""Writes an event file anew, where anything in it has changed."""

from __future__ import annotations

import os
import re
import shutil
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ampmetrics.events import Event, encode

__all__ = ["Rewritten"]

_TIME = re.compile(
    rb'^\{"type":"\w+","sessionId":(?:null|"(?:[^"\\]|\\.)*"),'
    rb'"iterationId":(?:null|"(?:[^"\\]|\\.)*"),"timestamp":"([^"]+)"'
)


class Rewritten:
    """An event file as it is to be: what stands there already is compared, and kept where equal.

    What is there is replaced whole, once all is on the disk, or not at all. A file that was not
    there is on the disk after `sync`. What stands there from the byte `kept_from` on is of another
    writer, and stays behind whatever is appended here.
    """

    def __init__(self, path: Path, *, dry: bool = False, kept_from: int | None = None) -> None:
        self.path = path
        self._dry = dry
        self._kept_from = kept_from
        self._old: BinaryIO | None = path.open("rb") if path.exists() else None
        self._new: BinaryIO | None = None
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        self._same_bytes = 0
        self.events = 0
        self.same_events = 0
        """those at the beginning that stand there already"""
        self.last: datetime | None = None
        """the latest time of an event"""

    def append(self, event: Event) -> None:
        """One more event; raises OSError where it cannot be written."""
        line = encode(event)
        self.events += 1
        if self.last is None or event.timestamp > self.last:
            self.last = event.timestamp
        if self._new is None:
            if self._old and self._old.read(len(line)) == line:
                self._same_bytes += len(line)
                self.same_events += 1
                return
            self._new = self._begin()
        self._new.write(line)

    def finish(self) -> str:
        """Put it in place: `new`, `changed`, `same`, or `older`: what is there goes on further."""
        if self._old and self._tells_less(self._old):
            return "older"
        if self._new is None:
            return "same"
        if self._old and self._kept_from is not None:
            self._old.seek(self._kept_from)
            shutil.copyfileobj(self._old, self._new, 1 << 20)
        if not self._dry:
            self._new.flush()
            if self._old:
                os.fsync(self._new.fileno())
            self._temporary.replace(self.path)
        return "changed" if self._old else "new"

    def _begin(self) -> BinaryIO:
        if self._dry:
            return open(os.devnull, "wb")  # noqa: PTH123 - a device, not a file of ours
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self._temporary.open("wb", buffering=1 << 20)
        if self._old and self._same_bytes:
            self._old.seek(0)
            shutil.copyfileobj(self._old, new, 1 << 20)
            new.truncate(self._same_bytes)
            new.seek(self._same_bytes)
        return new

    def _tells_less(self, old: BinaryIO) -> bool:
        end = old.seek(0, os.SEEK_END) if self._kept_from is None else self._kept_from
        if self._new is None and end == self._same_bytes:
            return False
        old.seek(0)
        found = filter(None, map(_TIME.match, takewhile(lambda _: old.tell() <= end, old)))
        times = (datetime.fromisoformat(match[1].decode()) for match in found)
        return any(self.last is None or at > self.last for at in times)

    def __enter__(self) -> Rewritten:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for file in (self._old, self._new):
                if file:
                    file.close()
        finally:
            if not self._dry:
                self._temporary.unlink(missing_ok=True)
