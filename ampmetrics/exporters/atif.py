"""ATIF v1.8, harbor's trajectory format: one file a session.

A model request and a tool call are one step each, in the order in which they were seen: which
request made which call is not recorded, nor are the words of the agent and of its tools. Each event
stands whole in what ampmetrics may add, in its step or, where it is none, beside the steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ampmetrics.exporters.conversations import (
    Conversation,
    Lost,
    Row,
    Values,
    conversations,
    dumped,
    last,
    told,
)
from ampmetrics.exporters.written import Written

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["atif"]

_NOTES = (
    "Made by ampmetrics from events. Every model request and every tool call is a step of its own, "
    "in the order in which they were observed; which request made which call is not recorded, and "
    "neither is what the agent said or what its tools returned, so messages of the agent are empty."
)
_IDS = ("run_id", "case_id", "variant", "trial")
_NO_STEP = {
    "step_id": 1,
    "source": "system",
    "message": "ampmetrics: nothing was said or done in this session",
}
"""The format wants one step at least."""
_TOKENS = {
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
    "cached_tokens": "cache_read_tokens",
    "cost_usd": "cost_usd",
}
"""Of a step's metrics, by the column that they are; of the whole it is `total_…`."""


def atif(con: DuckDBPyConnection, folder: Path) -> Written:
    """A folder with one trajectory a session of an event file, named after the session.

    Events of no session are a trajectory too.
    """
    folder.mkdir()
    lost, count = Lost(), 0
    for conversation in conversations(con, lost):
        count += 1
        with (folder / f"{conversation.name}.json").open("wb") as file:
            file.writelines(_document(conversation))
    return Written(f"{count} trajectories" if count != 1 else "1 trajectory", lost.sentences())


def _document(conversation: Conversation) -> Iterator[bytes]:
    """Each step and each event on a line of its own, which is where an import says it is from."""
    shown = [row for row in conversation.rows if row.table in _STEPS]
    steps = [_step(place, row) for place, row in enumerate(shown, 1)] or [_NO_STEP]
    yield msgspec.json.encode(_head(conversation, len(steps)))[:-1] + b',"steps":['
    yield from _lines(steps)
    extra = {"file": conversation.file, **told(conversation.rows[0].values, *_IDS)}
    yield b'],"extra":{"ampmetrics":' + msgspec.json.encode(extra)[:-1] + b',"events":['
    yield from _lines(_own(row) for row in conversation.rows if row.table not in _STEPS)
    yield b"]}}}\n"


def _lines(values: Iterable[Values]) -> Iterator[bytes]:
    between = b"\n"
    for value in values:
        yield between + msgspec.json.encode(value)
        between = b",\n"
    yield b"\n"


def _head(conversation: Conversation, steps: int) -> Values:
    usage, iterations = conversation.of("llm_usage"), conversation.of("iterations")
    models = {row["model"] for row in usage if "model" in row}
    model = models.pop() if len(models) == 1 else last(iterations, "model")
    session = conversation.session_id
    return {
        "schema_version": "ATIF-v1.8",
        **({} if session is None else {"session_id": session}),
        "trajectory_id": conversation.name,
        "agent": {
            "name": last(iterations, "agent") or "unknown",
            "version": last(iterations, "agent_version") or "unknown",
            **({"model_name": model} if model else {}),
        },
        "notes": _NOTES,
        "final_metrics": msgspec.Raw(dumped(_totals(usage, steps)).encode()),
    }


def _own(row: Row) -> Values:
    """The event itself, byte for byte."""
    return {"place": row.place, "event": msgspec.Raw(row.event.encode())}


def _step(place: int, row: Row) -> Values:
    at = row.values.get("started_at", row.values.get("timestamp"))
    return {
        "step_id": place,
        **({"timestamp": at} if at else {}),
        **_STEPS[str(row.table)](row.values, place),
        "extra": {"ampmetrics": _own(row)},
    }


def _of_user(row: Values, _: int) -> Values:
    return {"source": "user", "message": row.get("message", "")}


def _of_request(row: Values, _: int) -> Values:
    metrics = {name: row[column] for name, column in _TOKENS.items() if column in row}
    return {
        "source": "agent",
        "message": "",
        **({"model_name": row["model"]} if "model" in row else {}),
        **({"metrics": metrics} if metrics else {}),
        **({"llm_call_count": 1} if row.get("scope") == "request" else {}),
    }


def _of_call(row: Values, place: int) -> Values:
    """A step with one call; its result, where one came, says how it went and not what it told."""
    args = row.get("args")
    call = {
        "tool_call_id": row.get("tool_call_id", f"step-{place}"),
        "function_name": row.get("tool_name", "unknown"),
        # Of any size, as nothing else may be.
        "arguments": msgspec.Raw(dumped(args if isinstance(args, dict) else {}).encode()),
    }
    result = told(row, "ended_at", "duration_ms", "success", "exit_code", "error_message")
    observed = {
        "source_call_id": call["tool_call_id"],
        **({"content": row["error_message"]} if "error_message" in row else {}),
        "extra": {"ampmetrics": result},
    }
    return {
        "source": "agent",
        "message": "",
        "tool_calls": [call],
        **({"observation": {"results": [observed]}} if result else {}),
    }


_STEPS = {"user_messages": _of_user, "llm_usage": _of_request, "tool_calls": _of_call}


def _totals(usage: list[Values], steps: int) -> Values:
    """Sums of all requests; without those of which a part is not known."""
    totals: dict[str, Any] = {"total_steps": steps}
    for name, column in _TOKENS.items():
        if usage and all(column in row for row in usage):
            totals[f"total_{name}"] = sum(row[column] for row in usage)
    return totals
