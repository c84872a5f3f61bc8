"""`ampmetrics sessions`: what sessions there are, what each holds, and away with them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from ampmetrics.cli.output import result
from ampmetrics.cli.printable import printable
from ampmetrics.cli.say import say, say_result
from ampmetrics.errors import BadInputError, CannotRunError
from ampmetrics.sessions import (
    Kept,
    as_document,
    delete,
    find,
    kept,
    sessions_folder,
    write_patch,
)

__all__ = ["command"]

_AGE = re.compile(r"(\d{1,6})([smhdw])")
_LABELS = {
    "id": "Session", "status": "Status", "problem": "Problem", "agent": "Agent",
    "agentCommand": "Agent Command", "agentArgs": "Agent Arguments",
    "agentSessionId": "Conversation", "repo": "Repository", "commit": "Commit",
    "baseBranch": "Branch", "baseCommit": "Base Commit", "workspace": "Workspace",
    "events": "Events", "folder": "Folder", "createdAt": "Created", "lastAt": "Last Used",
    "sizeBytes": "Size",
}  # fmt: skip
_COLUMNS = {
    "iteration": "number", "status": "status", "started": "startedAt", "ms": "durationMs",
    "model": "model", "agent version": "agentVersion", "reason": "reason",
}  # fmt: skip
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def _age(_: click.Context, __: click.Parameter, text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    if not found:
        raise click.BadParameter(f"{text!r} is no age: use 30d, 12h, 90m, 45s or 2w")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


@click.group(name="sessions", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the sessions as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the sessions that `iterate` made, the one that was used last first.

    They are kept in the user's state folder, or below $AMPMETRICS_STATE.
    """
    if context.invoked_subcommand:
        if as_json:
            raise BadInputError(
                "--json goes behind the command: ampmetrics sessions show ID --json"
            )
        return
    found = kept()
    if as_json:
        _say_json([_brief(each) for each in found])
        return
    if not found:
        say(f"No sessions in {sessions_folder()}")
        return
    from ampmetrics.cli.printing import print_table

    with result(as_utf8=False):
        print_table(
            ["session", "agent", "iterations", "status", "last", "size", "repo"],
            [_row(each) for each in found],
        )


@command.command()
@click.argument("session")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(session: str, as_json: bool) -> None:
    """Print all that is known of SESSION and its iterations."""
    found = find(session)
    document = _document(found)
    if as_json:
        _say_json(document)
        return
    for line in _lines(document):
        say_result(printable(line))
    if turns := document.get("iterations"):
        from ampmetrics.cli.printing import print_table

        rows = [[turn[name] for name in _COLUMNS.values()] for turn in turns]
        with result(as_utf8=False):
            print_table(list(_COLUMNS), rows)


@command.command()
@click.argument("session")
def diff(session: str) -> None:
    """Print what SESSION changed since it began, as a patch.

    Of an imported one: since its last iteration began.
    """
    wrote = False

    def write(patch: bytes) -> None:
        nonlocal wrote
        wrote = True
        if sys.stdout.isatty():
            lines = patch.decode(errors="replace").split("\n")
            patch = "\n".join(map(printable, lines)).encode(errors="replace")
        rest = memoryview(patch)
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]

    asyncio.run(write_patch(find(session), write))
    if not wrote:
        say(f"Session {session} changed nothing")


@command.command()
@click.argument("sessions", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Remove every session; needs --yes.")
@click.option(
    "--older-than",
    callback=_age,
    metavar="AGE",
    help="Remove those that were last used longer ago than this: 30d, 12h, …",
)
@click.option("--yes", is_flag=True, help="Do remove them all.")
def remove(sessions: tuple[str, ...], every: bool, older_than: timedelta | None, yes: bool) -> None:
    """Remove SESSIONS: their workspaces, logs and own event files.

    Event files elsewhere (--metrics-file) stay. One that is running is not removed.
    """
    if bool(sessions) + every + (older_than is not None) != 1:
        raise BadInputError("name the sessions to remove, or say --older-than AGE, or --all --yes")
    if every and not yes:
        raise BadInputError(f"--all removes {len(kept())} sessions: say --yes too")
    chosen = [find(id_) for id_ in dict.fromkeys(sessions)] or _older(older_than)
    running = [each for each in chosen if each.is_running]
    for each in chosen:
        if each not in running:
            delete(each)
            say_result(f"Removed {printable(each.id)} ({_size(each.size_bytes)})")
    freed = sum(each.size_bytes for each in chosen if each not in running)
    say_result(f"Freed: {_size(freed)}")
    if running:
        names = ", ".join(each.id for each in running)
        raise CannotRunError(f"running, so not removed: {names}")


def _older(age: timedelta | None) -> list[Kept]:
    latest = datetime.now(UTC) - (age or timedelta())
    return [each for each in kept() if age is None or each.last_at < latest]


def _brief(found: Kept) -> dict[str, Any]:
    session = found.session
    return {
        "id": found.id,
        "agent": session.agent if session else None,
        "iterations": len(session.iterations) if session else None,
        "status": found.status,
        "lastAt": _time(found.last_at),
        "sizeBytes": found.size_bytes,
        "repo": session.repo if session else None,
    }


def _row(found: Kept) -> list[Any]:
    brief = _brief(found) | {"sizeBytes": _size(found.size_bytes)}
    return list(brief.values())


def _document(found: Kept) -> dict[str, Any]:
    brief = _brief(found)
    own = {name: brief[name] for name in ("id", "status", "lastAt", "sizeBytes")}
    own |= {"folder": str(found.folder), "problem": found.problem}
    return own | (as_document(found.session) if found.session else {})


def _lines(document: dict[str, Any]) -> Iterator[str]:
    files = dict.fromkeys(turn["events"] for turn in document.get("iterations", ()))
    shown = {**document, "sizeBytes": _size(document["sizeBytes"]), "events": ", ".join(files)}
    for name, label in _LABELS.items():
        if shown.get(name):
            yield f"{label}: {shown[name]}"


def _say_json(document: Any) -> None:
    say_result(json.dumps(document, indent=2, ensure_ascii=False))


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _size(size: int) -> str:
    return f"{size} bytes" if size < 1000 else f"{size / 1e6:.1f} MB"
