"""Amp's threads: its own files of them, exports, and saved `--stream-json` streams."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

from ampmetrics.importers.amp_stream import events_of as events_of_stream
from ampmetrics.importers.amp_stream import threads_of
from ampmetrics.importers.amp_thread import Thread, events_of, read_thread
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.heads import head_of

__all__ = ["Amp"]

_THREAD = re.compile(rb'[{,]\s*"id"\s*:\s*"T-[0-9a-zA-Z-]+"')
_PARTS = re.compile(rb'"(?:messages|created|usageLedger)"\s*:')
_STREAM = re.compile(rb'"session_id"\s*:\s*"T-[0-9a-zA-Z-]+"')
_LINES = re.compile(rb'^\{"type"\s*:\s*"(?:system|user|assistant|result)"', re.MULTILINE)


class Amp(Source):
    """Threads of Amp."""

    name: ClassVar[str] = "amp"
    tool: ClassVar[str] = "Amp"
    endings: ClassVar[tuple[str, ...]] = (".json", ".jsonl")
    is_remote: ClassVar[bool] = True

    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:
        """`threads` below AMP_DATA_DIR, XDG_DATA_HOME or the usual folder."""
        data = Path(env.get("XDG_DATA_HOME") or home / ".local" / "share")
        named = env.get("AMP_DATA_DIR")
        return [(Path(named) if named else data / "amp") / "threads"]

    def knows(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """A document of a thread, or lines of its stream."""
        if _LINES.search(head):
            return bool(_STREAM.search(head))
        return head.lstrip().startswith(b"{") and bool(_THREAD.search(head) and _PARTS.search(head))

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """A thread that is there as a document is not read from its streams."""
        threads: dict[str, Thread] = {}
        streams: dict[str, list[Path]] = {}
        for path in files:
            if _LINES.search(head_of(path)):
                ids, content = threads_of(path)
                if not reading.is_first("amp stream", content):
                    reading.leave_out("files that are copies of another one")
                    continue
                for id_ in ids:
                    streams.setdefault(id_, []).append(path)
            elif thread := read_thread(path, reading):
                before = threads.get(thread.id)
                if before:
                    reading.leave_out("older copies of a thread")
                newest = max(thread, before or thread, key=lambda each: each.size)
                threads[thread.id] = newest
        sums = {(thread.id, thread.ledger_sum) for thread in threads.values()}
        for thread in sorted(threads.values(), key=lambda each: (each.created, each.id)):
            others = {ledger for id_, ledger in sums if id_ != thread.id and ledger}
            yield Found(
                id=thread.id,
                files=(thread.path,),
                cwd=thread.cwd,
                events=partial(events_of, thread, others),
            )
        yield from self._streams(streams, set(threads), reading)

    def _streams(
        self, streams: Mapping[str, list[Path]], threads: set[str], reading: Reading
    ) -> Iterator[Found]:
        for id_, paths in streams.items():
            if id_ in threads:
                reading.leave_out("streams of a thread that is there as a document")
                continue
            ordered = sorted(paths, key=lambda path: (_changed_at(path), str(path)))
            yield Found(
                id=id_,
                files=tuple(ordered),
                cwd=None,
                events=partial(
                    events_of_stream, id_, [(path, _changed_at(path)) for path in ordered]
                ),
            )


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
