"""`ampmetrics iterate`: one more prompt in a session, and what came of it."""

from __future__ import annotations

import asyncio
import json
import math
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from ampmetrics.cli.agent_options import agent_options, chosen_adapter
from ampmetrics.cli.follow import Follower
from ampmetrics.cli.prices import prices_option
from ampmetrics.cli.printable import printable
from ampmetrics.cli.say import say, say_result
from ampmetrics.errors import BadInputError, CannotRunError
from ampmetrics.events import Event, ToolCall
from ampmetrics.sessions import (
    Done,
    ImportedSession,
    Order,
    find_imported,
    iterate,
    read_imported,
    stored,
)

__all__ = ["command"]

_DASH = Path("-")
_MARKS = {True: "✓", False: "✗", None: "?"}


def _finite(_: click.Context, __: click.Parameter, seconds: float) -> float:
    if math.isnan(seconds):
        raise click.BadParameter("nan is no number of seconds")
    return seconds


@click.command(name="iterate")
@click.argument("session")
@click.option(
    "--repo",
    type=click.Path(path_type=Path),
    help="Git repository or plain folder to start from; a session that is there knows its own.",
)
@click.option("-p", "--prompt", metavar="TEXT", help="What the agent is asked.")
@click.option(
    "--prompt-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File that holds the prompt; - is standard input.",
)
@agent_options
@prices_option
@click.option(
    "-m",
    "--model",
    metavar="MODEL",
    help="Model to ask for (with Amp its mode); as in the iteration before where none is named.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, 7 * 24 * 3600, min_open=True),
    callback=_finite,
    default=1800,
    show_default=True,
    metavar="SECONDS",
    help="The agent has no longer than this.",
)
@click.option("--commit", metavar="REV", help="Commit to start from instead of HEAD.")
@click.option("--base-branch", metavar="NAME", help="Branch to start from.")
@click.option(
    "--metrics-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Append the events to this file instead of the session's own; - writes them to standard "
    "output as they happen, and to the session's own file too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON and nothing else.")
def command(
    session: str, repo: Path | None, prompt: str | None, prompt_file: Path | None,
    agent: str | None, agent_command: str | None, agent_args: str | None, model: str | None,
    timeout: float, commit: str | None, base_branch: str | None, metrics_file: Path | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Give an agent one more prompt in SESSION and capture every event as JSONL.

    The first call checks out --repo in a workspace of the session's own; each later one goes on
    with the agent's conversation, in the same workspace. Sessions are kept in the user's state
    folder, or below $AMPMETRICS_STATE.

    An imported session goes on where it stopped, in its own folder: SESSION is then the event file
    that `import` made of it, to which the iteration is appended; later its id does too.
    """
    streams = metrics_file == _DASH
    if streams and as_json:
        raise BadInputError("--json and --metrics-file - both want standard output: choose one")
    if streams and sys.stdout is None:
        raise BadInputError("--metrics-file -: standard output is closed")
    asked = _prompt(prompt, prompt_file)
    imported = _imported(session, None if streams else metrics_file)
    session = imported.id if imported else session
    known = stored(session)
    if known and known.imported:
        imported = imported or read_imported(Path(known.imported), known.id)
    elif imported:
        agent = agent or imported.agent
        if agent is None:
            raise BadInputError(f"{imported.file}: it does not tell the agent: name it (--agent)")
    if known:
        agent = agent or known.agent
        agent_command = known.agent_command if agent_command is None else agent_command
        agent_args = known.agent_args if agent_args is None else agent_args
    chosen = chosen_adapter(agent, agent_command, agent_args)
    if imported and chosen.continues and imported.agent in (None, chosen.name):
        from ampmetrics.importers.going_on import require_current

        require_current(imported, chosen.name)
    order = Order(
        session_id=session,
        prompt=asked,
        adapter=chosen,
        # With the whole path of its program: the next call may come from another folder.
        agent_command=agent_command and shlex.join(chosen.program),
        agent_args=agent_args,
        repo=repo,
        commit=commit,
        base_branch=base_branch,
        model=model,
        timeout_sec=timeout,
        events=None if streams else metrics_file,
        imported=imported,
    )
    follower = Follower(sys.stdout.fileno()) if streams else None
    done = _run(order, follower)
    if done is None:
        raise click.Abort
    if follower is None:
        _say_result(done, as_json=as_json)
    if done.interrupted:
        return 130
    return 0 if done.turn.status == "success" else 1


def _imported(session: str, metrics_file: Path | None) -> ImportedSession | None:
    """Where SESSION is an event file, or --metrics-file holds the session of that id."""
    if session.endswith(".jsonl") or (os.sep in session and Path(session).is_file()):
        return read_imported(Path(session))
    return find_imported(metrics_file, session) if metrics_file else None


def _run(order: Order, follower: Follower | None) -> Done | None:
    if order.adapter.is_sample:
        say("Agent: recorded sample agent, not a model")

    def watch(event: Event, file: Path, line: range) -> None:
        if follower:
            follower.show(file, line)
        if isinstance(event.data, ToolCall):
            say(_call_line(event.data))

    try:
        done = asyncio.run(iterate(order, tell=lambda line: say(printable(line)), watch=watch))
    finally:
        if follower:
            follower.finish()
    if follower and follower.failure:
        raise CannotRunError(f"standard output cannot be written: {follower.failure}")
    return done


def _call_line(call: ToolCall) -> str:
    spent = "" if call.duration_ms is None else f" ({call.duration_ms:.0f}ms)"
    return printable(f"{_MARKS[call.success]} {call.tool_name or 'unknown tool'}{spent}"[:160])


def _say_result(done: Done, *, as_json: bool) -> None:
    document = _document(done)
    if as_json:
        say_result(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for line in _lines(document):
        say_result(printable(line))


def _document(done: Done) -> dict[str, Any]:
    session, turn, tally = done.session, done.turn, done.tally
    return {
        "sessionId": session.id,
        "iterationNumber": turn.number,
        "status": turn.status,
        "reason": turn.reason,
        "durationMs": turn.duration_ms,
        "toolCalls": tally.tool_calls,
        "fileEdits": tally.file_edits,
        "netChanges": tally.net_changes,
        "totalTokens": tally.total_tokens,
        "requestsWithoutTokens": tally.requests_without_tokens,
        "agent": session.agent,
        "agentVersion": turn.agent_version,
        "model": turn.model,
        "agentSessionId": session.agent_session_id,
        "repo": session.repo,
        "workspace": str(session.workspace.folder),
        "baseCommit": session.workspace.base_commit,
        "metricsFile": turn.events,
    }


def _lines(document: dict[str, Any]) -> list[str]:
    spent = "" if document["durationMs"] is None else f" ({document['durationMs']:.0f}ms)"
    why = f" - {document['reason']}" if document["reason"] else ""
    tokens = _number(document["totalTokens"])
    if hidden := document["requestsWithoutTokens"]:
        least = "at least, " if document["totalTokens"] is not None else ""
        tokens += f" ({least}{hidden} request{'s' * (hidden != 1)} without tokens)"
    take = _take_over(document)
    return [
        f"Iteration {document['iterationNumber']}: {document['status']}{spent}{why}",
        f"Tool Calls: {_number(document['toolCalls'])}",
        f"File Edits: {_number(document['fileEdits'])}",
        f"Total Tokens: {tokens}",
        f"Events: {document['metricsFile']}",
        f"Workspace: {document['workspace']}",
        f"Net Changes: {_number(document['netChanges'])}{take}",
    ]


def _take_over(document: dict[str, Any]) -> str:
    """How to have the changes in the repository."""
    repo = Path(document["repo"])
    is_there = document["workspace"] == document["repo"]
    if not document["netChanges"] or is_there or not os.access(repo, os.W_OK):
        return ""
    # Elsewhere git would leave out what is not in the repository that the folder lies in.
    alone = [] if (repo / ".git").exists() else ["--git-dir=/dev/null"]
    apply = shlex.join(["git", *alone, "-C", str(repo), "apply"])
    return f" (ampmetrics sessions diff {document['sessionId']} | {apply})"


def _number(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _prompt(text: str | None, file: Path | None) -> str:
    if file is not None and text is None:
        text = _read(file)
    elif text is None or file is not None:
        raise BadInputError("give the prompt with --prompt, or name its file with --prompt-file")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInputError(f"the prompt is not UTF-8 text: character {error.start + 1}") from error
    if not text.strip():
        raise BadInputError("the prompt is empty: say what the agent is to do")
    return text


def _read(file: Path) -> str:
    try:
        content = sys.stdin.buffer.read() if file == _DASH else file.read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise BadInputError(f"--prompt-file {file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        where = f"byte {error.start + 1}"
        raise BadInputError(f"--prompt-file {file}: not UTF-8 text: {where}") from error
