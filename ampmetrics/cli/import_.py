"""`ampmetrics import`: the sessions that other tools have kept, as event files."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ampmetrics.cli.output import result
from ampmetrics.cli.prices import prices_option
from ampmetrics.cli.printable import printable
from ampmetrics.cli.say import say, say_result
from ampmetrics.errors import BadInputError
from ampmetrics.importers import SOURCES, Imported, Source, Wanted, find, import_files, places

__all__ = ["command"]

_AGE = re.compile(r"(\d{1,6})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_REDRAW_S = 0.1
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_COLUMNS = ["source", "files", "sessions", "new", "changed", "events", "new events", "requests",
            "tokens", "cost USD"]  # fmt: skip


def _time(_: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """A day counts whole: from its first moment, to the one after its last."""
    if text is None:
        return None
    try:
        if found := _AGE.fullmatch(text):
            return datetime.now(UTC) - timedelta(hours=int(found[1]) * _HOURS[found[2]])
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at + timedelta(days=1) if option.name == "until" and _DAY.fullmatch(text) else at
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is no time: use 2026-11-23, 2026-11-23T14:00Z, or an age: 30d, 12h, 2w"
        ) from None


@click.command(name="import")
@click.argument("what", nargs=-1, metavar="[SOURCE] [PATH]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the event files go: FOLDER/SOURCE/SESSION.jsonl.",
)
@click.option(
    "--since", callback=_time, metavar="TIME", help="Sessions still used then: 2026-11-01, or 30d."
)
@click.option("--until", callback=_time, metavar="TIME", help="Sessions begun by then.")
@click.option(
    "--project", metavar="FOLDER", help="Sessions that worked in this folder, or below it."
)
@click.option("--dry-run", is_flag=True, help="Read everything, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@prices_option
def command(
    what: tuple[str, ...],
    output: Path | None,
    since: datetime | None,
    until: datetime | None,
    project: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Turn the sessions that other tools have kept into event files.

    SOURCE is one of those that `ampmetrics import --help` ends with; left out, each file says by
    itself whose it is. Without PATH it looks where the tool keeps its files. Importing again adds
    only what is new.
    """
    if output is None and not dry_run:
        raise BadInputError("say where the event files go: -o FOLDER, or --dry-run")
    files = _files(what)
    wanted = Wanted(since=since, until=until, project=project)
    done = []
    with _bar(sum(_size(path) for each in files.values() for path in each)) as advance:
        for source, paths in files.items():
            done.append(
                import_files(
                    source,
                    paths,
                    output or Path(os.devnull),
                    wanted=wanted,
                    dry_run=dry_run,
                    readers=None,
                    advance=advance,
                )
            )
    if as_json:
        say_result(json.dumps(_document(done, output, dry_run), indent=2, ensure_ascii=False))
        return
    _print(done)
    for each in done:
        for note in _notes(each):
            say(f"ampmetrics: {printable(note)}")


command.epilog = f"Sources: {', '.join(f'{each.name} ({each.tool})' for each in SOURCES.values())}"


def _files(what: Sequence[str]) -> dict[Source, list[Path]]:
    source = SOURCES.get(what[0]) if what else None
    paths = [Path(path) for path in (what[1:] if source else what)]
    if what and not source and what[0].isalpha() and not paths[0].exists():
        raise BadInputError(
            f"{what[0]!r} is no source and no file: the sources are {', '.join(SOURCES)}"
        )
    if paths:
        return find(paths, source, _say_closed)
    found: dict[Source, list[Path]] = {}
    for each, there in places([source] if source else SOURCES.values()).items():
        for path in there:
            say(f"ampmetrics: {each.tool}: looking in {printable(str(path))}")
        for path in there:
            try:
                files = find([path], each, _say_closed)[each]
            except BadInputError as error:
                say(f"ampmetrics: {printable(str(error))}")
            else:
                found.setdefault(each, []).extend(files)
    if not found:
        raise BadInputError(_nowhere(source))
    return found


def _say_closed(what: str) -> None:
    say(f"ampmetrics: {printable(what)}")


def _nowhere(source: Source | None) -> str:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - there may be no home
    asked = [source] if source else list(SOURCES.values())
    looked = [str(path) for each in asked for path in each.places(home, os.environ)]
    return f"nothing to import; looked in {', '.join(looked)}: name a file or folder"


def _document(done: list[Imported], output: Path | None, dry_run: bool) -> dict[str, Any]:
    return {
        "output": None if output is None else str(output),
        "dryRun": dry_run,
        "sources": [
            {
                "source": each.source,
                "files": each.files,
                "sessions": dict(each.sessions),
                "events": each.events,
                "newEvents": each.new_events,
                "requests": each.requests,
                "totalTokens": each.total_tokens,
                "costUsd": _cost(each),
                "unpricedRequests": each.unpriced,
                "lines": each.lines,
                "unreadableLines": each.unreadable_lines,
                "unreadable": [line._asdict() for line in each.unreadable],
                "leftOut": dict(each.left_out),
            }
            for each in done
        ],
    }


def _cost(each: Imported) -> float | None:
    """Null where none of its requests has a price."""
    return each.cost_usd if each.unpriced < each.requests else None


def _print(done: list[Imported]) -> None:
    from ampmetrics.cli.printing import print_table

    rows = [
        [
            each.source, each.files, sum(each.sessions.values()), each.sessions["new"],
            each.sessions["changed"], each.events, each.new_events, each.requests,
            each.total_tokens, _cost(each),
        ]
        for each in done
    ]  # fmt: skip
    with result(as_utf8=False):
        print_table(_COLUMNS, rows)


def _notes(each: Imported) -> Iterator[str]:
    """What is not in the figures, and why."""
    name, sessions = each.source, each.sessions
    for status, meaning in (
        ("not_wanted", "are not of that time or project"),
        ("older", "go on further in what was imported before, which stays as it is"),
        ("in_use", "are written by another ampmetrics (iterate, import): import them again later"),
        ("empty", "hold nothing that is an event"),
    ):
        if sessions[status]:
            yield f"{name}: {sessions[status]} sessions {meaning}"
    for reason, count in each.left_out.items():
        yield f"{name}: left out: {count} {reason}"
    if each.unpriced:
        yield f"{name}: {each.unpriced} of {each.requests} requests have no price"
    if each.unreadable_lines:
        yield f"{name}: {each.unreadable_lines} of {each.lines} lines cannot be read"
        for file, line, reason in each.unreadable[:3]:
            yield f"  {file}{'' if line is None else f':{line}'}: {reason}"


def _size(path: Path) -> int:
    """0 of a file that is gone meanwhile."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """Bytes that were read, on stderr where that is a terminal."""
    # A notebook's `!` is a terminal to its command, but one that cannot redraw a line.
    if not sys.stderr.isatty() or "JPY_PARENT_PID" in os.environ:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    # Without a thread that draws it: the readers are copies of this process.
    bar = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
    with bar:
        task, drawn = bar.add_task("reading", total=total), time.monotonic()

        def advance(size: int) -> None:
            nonlocal drawn
            bar.advance(task, size)
            if time.monotonic() - drawn > _REDRAW_S:
                bar.refresh()
                drawn = time.monotonic()

        yield advance
