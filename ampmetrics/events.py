"""What a line holds: the envelope, and one record a kind of event.

The only spelling of a field, its unit and its meaning. An attribute's name is the column's name
(`duration_ms`), its JSON key is the same in camelCase (`durationMs`); views, column comments and
documentation are made from here. A field that is not known is null, never 0. A new field is
optional and an old one is never renamed, so every file ever written stays readable.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct, field

__all__ = [
    "KINDS",
    "Event",
    "FileEdit",
    "GitOperation",
    "IterationEnd",
    "IterationStart",
    "LlmUsage",
    "Outcome",
    "Record",
    "RunEnd",
    "RunStart",
    "TestResult",
    "ToolCall",
    "TrialEnd",
    "TrialStart",
    "UserMessage",
    "encode",
]


class Outcome(StrEnum):
    """How a trial ended; a closed list."""

    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    AGENT_ERROR = "agent_error"
    INFRA_ERROR = "infra_error"
    NO_VERDICT = "no_verdict"
    CANCELLED = "cancelled"

    @property
    def success(self) -> bool | None:
        """True or false where the agent can be judged, null where it cannot."""
        if self is Outcome.PASSED:
            return True
        if self in (Outcome.FAILED, Outcome.TIMEOUT, Outcome.AGENT_ERROR):
            return False
        return None


def _doc(text: str) -> Meta:
    return Meta(description=text)


Text = str | None
Count = int | None
Number = float | None
Flag = bool | None
Time = datetime | None
Json = Any


class Record(Struct, frozen=True, kw_only=True, rename="camel"):
    """The `data` of one event; its class names the kind, `table` the view that shows it."""

    table: ClassVar[str]


class RunStart(Record, frozen=True):
    """A benchmark run begins; one row a run."""

    table: ClassVar[str] = "runs"

    suite: Annotated[Text, _doc("Name of the suite")] = None
    suite_hash: Annotated[Text, _doc("SHA-256 of the suite file's bytes")] = None
    agent: Annotated[Text, _doc("Agent adapter that was asked for")] = None
    agent_version: Annotated[Text, _doc("Version the agent's program reported")] = None
    agent_is_sample: Annotated[
        Flag, _doc("True where recorded transcripts were replayed and no model was asked")
    ] = None
    variants: Annotated[Json, _doc("Names of the variants that were compared")] = None
    cases: Annotated[Json, _doc("Ids of the cases that were to run")] = None
    repeats: Annotated[Count, _doc("Trials planned for each case and variant")] = None
    concurrent: Annotated[Count, _doc("Trials that could run at once")] = None
    timeout_sec: Annotated[Number, _doc("Longest time a trial's agent could have, s")] = None
    host: Annotated[Json, _doc("System, machine, cpus, memory and Python of the host")] = None
    ampmetrics_version: Annotated[Text, _doc("Version of ampmetrics that ran it")] = None


class RunEnd(Record, frozen=True):
    """A benchmark run ends."""

    table: ClassVar[str] = "runs"

    status: Annotated[Text, _doc("completed or cancelled; null: the run never ended")] = None
    duration_ms: Annotated[Number, _doc("Wall time of the whole run, ms")] = None


class TrialStart(Record, frozen=True):
    """One trial (case, variant, repeat) begins; one row a trial."""

    table: ClassVar[str] = "trials"

    agent: Annotated[Text, _doc("Agent adapter")] = None
    agent_version: Annotated[Text, _doc("Version the agent's program reported")] = None
    model: Annotated[Text, _doc("Model or mode asked for; what answered is in llm_usage")] = None
    repo: Annotated[Text, _doc("Repository as the suite names it")] = None
    base_commit: Annotated[Text, _doc("Commit the agent started from")] = None
    timeout_sec: Annotated[Number, _doc("Time the agent had, s")] = None
    success_command: Annotated[Text, _doc("Command whose exit code is the verdict")] = None


class TrialEnd(Record, frozen=True):
    """One trial ends with its outcome."""

    table: ClassVar[str] = "trials"

    outcome: Annotated[
        Text, _doc("passed, failed, timeout, agent_error, infra_error, no_verdict or cancelled")
    ] = None
    reason: Annotated[Text, _doc("Why, in one line")] = None
    success: Annotated[Flag, _doc("True: passed; false: the agent failed; null: no verdict")] = None
    duration_ms: Annotated[Number, _doc("Checkout, agent and verdict together, ms")] = None


class IterationStart(Record, frozen=True):
    """The agent is given one prompt; one row an iteration."""

    table: ClassVar[str] = "iterations"

    iteration_number: Annotated[Count, _doc("1 for the first prompt of a session")] = None
    git_sha: Annotated[Text, _doc("HEAD before the agent started")] = None


class IterationEnd(Record, frozen=True):
    """The agent is done with one prompt, or was stopped."""

    table: ClassVar[str] = "iterations"

    iteration_number: Annotated[Count, _doc("1 for the first prompt of a session")] = None
    status: Annotated[Text, _doc("success, failed, timeout or cancelled")] = None
    reason: Annotated[Text, _doc("Why it is not success, in one line")] = None
    duration_ms: Annotated[Number, _doc("Wall time of the agent's process, ms")] = None
    exit_code: Annotated[Count, _doc("Exit code; null: it was killed; below 0: by a signal")] = None
    agent_session_id: Annotated[Text, _doc("The agent's own id of the conversation")] = None
    edits_tracked: Annotated[
        Flag, _doc("True where file_edit events tell all edits; false: they were not looked for")
    ] = None
    stream_lines: Annotated[Count, _doc("Lines the agent printed")] = None
    unreadable_stream_lines: Annotated[
        Count, _doc("Lines of them that its adapter could not read; they are in the raw log")
    ] = None


class UserMessage(Record, frozen=True):
    """What the agent was asked; one row a prompt."""

    table: ClassVar[str] = "user_messages"

    message: Annotated[Text, _doc("The prompt")] = None


class ToolCall(Record, frozen=True):
    """One row a tool call, paired with its result by the agent's own id of the call."""

    table: ClassVar[str] = "tool_calls"

    tool_call_id: Annotated[Text, _doc("The agent's id of the call")] = None
    parent_tool_call_id: Annotated[Text, _doc("Call of the sub-agent that made this one")] = None
    tool_name: Annotated[Text, _doc("The tool's name as the agent spells it")] = None
    args: Annotated[Json, _doc("Arguments as the agent gave them")] = None
    started_at: Annotated[Time, _doc("The call arrived")] = field(name="startTime", default=None)
    ended_at: Annotated[Time, _doc("Its result arrived; null: none came")] = field(
        name="endTime", default=None
    )
    duration_ms: Annotated[
        Number, _doc("From call to result as they arrived, ms; null: one of them is not known")
    ] = None
    success: Annotated[
        Flag, _doc("False: a tool error or a non-zero exit code; null: no result came")
    ] = None
    exit_code: Annotated[Count, _doc("Exit code of a shell tool's command")] = None
    error_message: Annotated[Text, _doc("What the tool said of its failure")] = None


class LlmUsage(Record, frozen=True):
    """One row a model request that reported its tokens, or a sum for a run where none did."""

    table: ClassVar[str] = "llm_usage"

    message_id: Annotated[Text, _doc("The provider's id of the message")] = None
    parent_tool_call_id: Annotated[Text, _doc("Call of the sub-agent that asked")] = None
    model: Annotated[Text, _doc("Model that answered; null: the agent does not say")] = None
    scope: Annotated[
        Text, _doc("request: one model request; run: all of the iteration, told in one sum")
    ] = None
    prompt_tokens: Annotated[Count, _doc("All input: uncached, cache reads, cache writes")] = None
    completion_tokens: Annotated[Count, _doc("All output, reasoning with it")] = None
    total_tokens: Annotated[Count, _doc("prompt_tokens + completion_tokens")] = None
    uncached_tokens: Annotated[
        Count, _doc("Input that was neither read from nor written to a cache")
    ] = None
    cache_read_tokens: Annotated[Count, _doc("Input read from the provider's cache")] = None
    cache_write_tokens: Annotated[Count, _doc("Input written to the provider's cache")] = None
    input_includes_cache: Annotated[
        Flag, _doc("How the agent's own input count was read: true: the cache is within it")
    ] = None
    reasoning_tokens: Annotated[Count, _doc("Part of completion_tokens spent on reasoning")] = None
    cost_usd: Annotated[Number, _doc("List price of these tokens that day, USD; an estimate")] = (
        None
    )
    cost_source: Annotated[Text, _doc("computed; or why there is no cost_usd")] = None
    price_version: Annotated[Text, _doc("Price data the cost was computed with")] = None
    reported_cost_usd: Annotated[Number, _doc("Cost the agent itself reported, USD")] = None
    latency_ms: Annotated[Number, _doc("Time the request took, ms")] = None


class FileEdit(Record, frozen=True):
    """One row a file that differs after an iteration, as git sees it."""

    table: ClassVar[str] = "file_edits"

    path: Annotated[Text, _doc("Path in the repository")] = None
    old_path: Annotated[Text, _doc("Path before a rename")] = None
    operation: Annotated[Text, _doc("create, modify, delete or rename")] = None
    lines_added: Annotated[Count, _doc("Lines added; null for a binary file")] = None
    lines_deleted: Annotated[Count, _doc("Lines deleted; null for a binary file")] = None
    is_binary: Annotated[Flag, _doc("True where git sees no text")] = None
    diff: Annotated[Text, _doc("Unified diff, cut at a limit")] = None
    diff_bytes: Annotated[Count, _doc("Size of the whole diff, bytes")] = None
    tool_call_id: Annotated[Text, _doc("Call that made the edit; null: not known")] = None


class GitOperation(Record, frozen=True):
    """One row a commit the agent made."""

    table: ClassVar[str] = "git_operations"

    operation: Annotated[Text, _doc("commit")] = None
    sha_before: Annotated[Text, _doc("Parent of the commit")] = None
    sha_after: Annotated[Text, _doc("The commit")] = None
    files_changed: Annotated[Count, _doc("Files in the commit")] = None
    insertions: Annotated[Count, _doc("Lines added")] = None
    deletions: Annotated[Count, _doc("Lines deleted")] = None
    message: Annotated[Text, _doc("First line of the commit message")] = None


class TestResult(Record, frozen=True):
    """One row a run of the success command."""

    table: ClassVar[str] = "test_results"
    __test__: ClassVar[bool] = False

    framework: Annotated[Text, _doc("Test framework; null: not recognised")] = None
    command: Annotated[Text, _doc("The command as the suite gives it")] = None
    total: Annotated[Count, _doc("Tests that ran; null: the output was not read")] = None
    passed: Annotated[Count, _doc("Tests that passed; null: not known")] = None
    failed: Annotated[Count, _doc("Tests that failed; null: not known")] = None
    skipped: Annotated[Count, _doc("Tests that were skipped; null: not known")] = None
    started_at: Annotated[Time, _doc("The command started")] = field(name="startTime", default=None)
    duration_ms: Annotated[Number, _doc("Wall time, ms")] = None
    exit_code: Annotated[Count, _doc("Exit code; null: it was killed")] = None


class Event(Struct, frozen=True, kw_only=True, rename="camel"):
    """The envelope: what kind, of which session and trial, when, and the kind's own record."""

    type: Annotated[str, _doc("Kind of event")]
    session_id: Annotated[Text, _doc("Session: one conversation with an agent")] = None
    iteration_id: Annotated[Text, _doc("Iteration: one prompt of a session")] = None
    timestamp: Annotated[datetime, _doc("When it was observed, UTC")]
    run_id: Annotated[Text, _doc("Benchmark run")] = None
    case_id: Annotated[Text, _doc("Case of the suite")] = None
    variant: Annotated[Text, _doc("What was compared: an agent with a model")] = None
    trial: Annotated[Count, _doc("Number of the repeat, from 1")] = None
    data: Record


_WORD = re.compile(r"(?<!^)(?=[A-Z])")

KINDS: dict[str, type[Record]] = {
    _WORD.sub("_", record.__name__).lower(): record
    for record in (
        RunStart, TrialStart, IterationStart, UserMessage, ToolCall, LlmUsage, FileEdit,
        GitOperation, TestResult, IterationEnd, TrialEnd, RunEnd,
    )
}  # fmt: skip
"""Kind of event → its record, in the order in which a run writes them."""

_KIND_OF = {record: kind for kind, record in KINDS.items()}


def kind_of(record: Record) -> str:
    """Kind of the event that holds this record."""
    return _KIND_OF[type(record)]


def encode(event: Event) -> bytes:
    """One line of JSON, newline at its end; times in UTC, unknown values null."""
    return _ENCODER.encode(event) + b"\n"


_ENCODER = msgspec.json.Encoder()
