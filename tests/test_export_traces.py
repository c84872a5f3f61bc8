"""amp-eval, ATIF and OTLP: what their readers ask for is there, and nothing that nobody knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import exported
import pytest
from jsonschema import Draft202012Validator

from ampmetrics import exporters
from ampmetrics.cli import cli
from ampmetrics.errors import BadInputError
from ampmetrics.tables import connect


class Made:
    """One export of each kind, of the same events."""

    def __init__(self, source: Path, folder: Path) -> None:
        with closing(connect(source, cache=False)) as con:
            self.amp_eval = exporters.amp_eval(con, folder / "eval")
            self.atif = exporters.atif(con, folder / "atif")
            self.otlp = exporters.otlp(con, folder / "otlp.jsonl")
        self.results = {
            path.stem: json.loads(path.read_bytes()) for path in (folder / "eval").iterdir()
        }
        self.trajectories = {
            path.stem: json.loads(path.read_bytes()) for path in (folder / "atif").iterdir()
        }
        self.requests = [
            json.loads(line) for line in (folder / "otlp.jsonl").read_bytes().splitlines()
        ]

    def spans(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Each span with its attributes."""
        for request in self.requests:
            for span in request["resourceSpans"][0]["scopeSpans"][0]["spans"]:
                yield span, attributes(span)


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in holder["attributes"]}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("told")
    return Made(exported.write_session(folder), folder)


@pytest.fixture(scope="module")
def sample_made(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(sample_run, tmp_path_factory.mktemp("sample"))


def no_nulls(value: Any) -> bool:
    """But in events, which stand there as they were."""
    if isinstance(value, dict):
        value = {k: each for k, each in value.items() if k not in ("event", "events")}
    if isinstance(value, dict | list):
        return all(map(no_nulls, value.values() if isinstance(value, dict) else value))
    return value is not None


def test_amp_eval_counts_what_was_judged_and_leaves_out_what_is_unknown(told: Made) -> None:
    high, low = told.results["Suite_.._1--high"], told.results["Suite_.._1--low"]
    # Of the two trials of `high` one is an infrastructure error: it is no task.
    assert (high["total_tasks"], high["successful_tasks"], high["success_rate"]) == (1, 1, 1.0)
    assert high["errors"] == ["two: infra_error: why"]
    assert (low["total_tasks"], low["successful_tasks"], low["success_rate"]) == (2, 1, 0.5)
    assert (low["tokens"], low["total_tokens"]) == (130, 260)
    assert (low["latency_s"], low["execution_time_seconds"]) == (2.5, 5.0)
    assert low["model"] == "low"
    assert [(task["task_id"], task["success"], task["tokens_used"]) for task in low["task_results"]] == [
        ("one", False, 130), ("two", True, 130),
    ]  # fmt: skip
    assert low["task_results"][0]["grade"]["score"] == 0
    assert low["task_results"][1]["model_metrics"] == {
        "tokens_used": 130,
        "latency_s": 2.5,
        "success": True,
    }
    assert "cost_usd" not in low
    assert low["ampmetrics"]["unknown"] == ["cost_usd"]
    # Its loaders write these, or take a file with them for another one.
    assert not {"eval_name", "timestamp", "test_results"} & (high.keys() | low.keys())
    assert no_nulls(told.results)
    assert "1 trial without a verdict: told as errors, no tasks" in told.amp_eval.left_out


def test_amp_eval_agrees_with_the_summary_of_the_benchmark(
    sample_made: Made, sample_run: Path
) -> None:
    summary = json.loads((sample_run / "benchmark-summary.json").read_text())
    passed = sum(result["successful_tasks"] for result in sample_made.results.values())
    assert passed == summary["passed"]
    assert {result["model"] for result in sample_made.results.values()} == {"high", "low"}
    for result in sample_made.results.values():
        assert result["total_tasks"] == len(result["task_results"]) == 8


def test_amp_eval_needs_trials(tmp_path: Path) -> None:
    path = exported.write(
        tmp_path / "a.jsonl",
        [{"type": "user_message", "timestamp": "2026-01-01T00:00:00Z", "data": {}}],
    )
    with pytest.raises(BadInputError, match="there are no trials"):
        cli.main(
            ["export", str(path), "--to", "amp-eval", "-o", str(tmp_path / "out")],
            standalone_mode=False,
        )
    assert not (tmp_path / "out").exists()


def _object(required: str = "", **properties: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": required.split(),
        "additionalProperties": False,
    }  # fmt: skip


_TEXT, _NUMBER, _COUNT = {"type": "string"}, {"type": "number"}, {"type": "integer"}
_ANY: dict[str, Any] = {"type": "object"}
ATIF = _object(
    "schema_version agent steps",
    schema_version={"const": "ATIF-v1.8"},
    session_id=_TEXT,
    trajectory_id=_TEXT,
    agent=_object("name version", name=_TEXT, version=_TEXT, model_name=_TEXT, extra=_ANY),
    steps={
        "type": "array",
        "minItems": 1,
        "items": _object(
            "step_id source message",
            step_id=_COUNT, timestamp={**_TEXT, "format": "date-time"},
            source={"enum": ["system", "user", "agent"]}, message=_TEXT, model_name=_TEXT,
            llm_call_count={"type": "integer", "minimum": 0}, extra=_ANY,
            tool_calls={"type": "array", "items": _object(
                "tool_call_id function_name arguments",
                tool_call_id=_TEXT, function_name=_TEXT, arguments=_ANY, extra=_ANY,
            )},
            observation=_object("results", results={"type": "array", "items": _object(
                source_call_id=_TEXT, content=_TEXT, extra=_ANY
            )}),
            metrics=_object(
                prompt_tokens=_COUNT, completion_tokens=_COUNT, cached_tokens=_COUNT, cost_usd=_NUMBER
            ),
        ),
    },
    notes=_TEXT,
    final_metrics=_object(
        total_prompt_tokens=_COUNT, total_completion_tokens=_COUNT, total_cached_tokens=_COUNT,
        total_cost_usd=_NUMBER, total_steps=_COUNT,
    ),
    extra=_ANY,
)  # fmt: skip
"""What harbor's models of ATIF v1.8 allow, as far as an export uses it."""


def check_atif(trajectory: dict[str, Any]) -> None:
    Draft202012Validator(ATIF).validate(trajectory)
    for place, step in enumerate(trajectory["steps"], 1):
        assert step["step_id"] == place
        calls = {call["tool_call_id"] for call in step.get("tool_calls", [])}
        for result in step.get("observation", {"results": []})["results"]:
            assert result["source_call_id"] in calls
        if step["source"] != "agent":
            assert not step.keys() & {"model_name", "tool_calls", "metrics"}


def test_a_trajectory_is_valid_and_tells_each_step(told: Made) -> None:
    # One of the run's own events, which are of no session.
    assert sorted(told.trajectories) == ["no-session", "one_high", "one_low", "two_high", "two_low"]
    for trajectory in told.trajectories.values():
        check_atif(trajectory)
    one = told.trajectories["one_high"]
    assert one["session_id"] == "one/high"
    assert one["agent"] == {"name": "amp", "version": "1.2", "model_name": "claude-x"}
    user, first, call, other, total = one["steps"]
    assert (user["source"], user["message"]) == ("user", '=HYPERLINK("x")')
    assert first["metrics"] == {
        "prompt_tokens": 100, "completion_tokens": 20, "cached_tokens": 30, "cost_usd": 0.5
    }  # fmt: skip
    assert (first["llm_call_count"], first["model_name"], "llm_call_count" in total) == (
        1,
        "claude-x",
        False,
    )
    assert call["tool_calls"] == [
        {"tool_call_id": "c1", "function_name": "Bash", "arguments": {"cmd": "ls", "n": 3}}
    ]
    assert call["timestamp"] == "2026-01-03T00:00:03.000000Z"
    assert call["extra"]["ampmetrics"]["event"]["iterationId"] == "i-one-high"
    (result,) = call["observation"]["results"]
    assert (result["content"], result["extra"]["ampmetrics"]["success"]) == ("no such file", False)
    # A call without an id, arguments that are no object, and no result.
    (named,) = other["tool_calls"]
    assert named["arguments"] == {}
    assert other["extra"]["ampmetrics"]["event"]["data"]["args"] == ["a list"]
    assert "observation" not in other
    # The sum over the run has no cost, and nothing of a cache: what they come to is not known.
    assert one["final_metrics"] == {
        "total_steps": 5,
        "total_prompt_tokens": 105,
        "total_completion_tokens": 25,
    }
    extra = one["extra"]["ampmetrics"]
    beside = {own["event"]["type"]: own["event"]["data"] for own in extra["events"]}
    assert (extra["case_id"], beside["trial_end"]["outcome"]) == ("one", "passed")
    assert beside["file_edit"]["diff"] == "--- a\n+++ b\n"
    assert no_nulls(one)
    assert told.atif.left_out == ()


def test_trajectories_of_a_run_are_what_harbor_takes(sample_made: Made) -> None:
    models = pytest.importorskip("harbor.models.trajectories", reason="harbor needs Python 3.12")
    for trajectory in sample_made.trajectories.values():
        models.Trajectory.model_validate(trajectory)


def test_trajectories_and_traces_of_a_run_have_all_its_calls(
    sample_made: Made, sample_run: Path
) -> None:
    for trajectory in sample_made.trajectories.values():
        check_atif(trajectory)
    with closing(connect(sample_run)) as con:
        ((calls, requests),) = con.execute(
            "SELECT (SELECT count(*) FROM tool_calls), (SELECT count(*) FROM llm_usage WHERE scope = 'request')"
        ).fetchall()
    steps = [step for each in sample_made.trajectories.values() for step in each["steps"]]
    assert sum("tool_calls" in step for step in steps) == calls
    names = [known.get("gen_ai.operation.name") for _, known in sample_made.spans()]
    assert (names.count("execute_tool"), names.count("chat")) == (calls, requests)


GEN_AI = {
    "error.type", "gen_ai.agent.name", "gen_ai.agent.version", "gen_ai.conversation.id",
    "gen_ai.input.messages", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
    "gen_ai.response.id", "gen_ai.response.model", "gen_ai.tool.call.arguments", "gen_ai.tool.call.id",
    "gen_ai.tool.name", "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
    "gen_ai.usage.reasoning.output_tokens",
}  # fmt: skip
"""Names of OpenTelemetry's semantic conventions 0.66b2."""


def test_a_trace_is_otlp_with_the_names_of_the_conventions(told: Made, sample_made: Made) -> None:
    for made in (told, sample_made):
        ids: dict[str, dict[str, Any]] = {span["spanId"]: span for span, _ in made.spans()}
        assert len(ids) == sum(1 for _ in made.spans())
        for span, known in made.spans():
            assert re.fullmatch(r"[0-9a-f]{32}", span["traceId"])
            assert re.fullmatch(r"[0-9a-f]{16}", span["spanId"])
            assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
            if "parentSpanId" in span:
                assert ids[span["parentSpanId"]]["traceId"] == span["traceId"]
            assert {name for name in known if not name.startswith("ampmetrics.")} <= GEN_AI
            for each in span["attributes"]:
                assert len(each["value"]) == 1
                assert each["value"].keys() <= {
                    "stringValue",
                    "intValue",
                    "doubleValue",
                    "boolValue",
                }


def test_a_trace_tells_what_is_known_and_no_more(told: Made) -> None:
    spans = [
        (span, known)
        for span, known in told.spans()
        if known.get("gen_ai.conversation.id") == "one/high"
    ]
    (outside, _), (agent, whole), (chat, asked), (bash, called), (read, again) = spans
    assert (agent["name"], chat["name"], bash["name"], read["name"]) == (
        "invoke_agent amp", "chat claude-x", "execute_tool Bash", "execute_tool Read",
    )  # fmt: skip
    assert (agent["kind"], chat["kind"], bash["kind"]) == (3, 3, 1)
    assert agent["status"] == {"code": 2, "message": "it broke"}
    assert whole["error.type"] == "failed"
    assert json.loads(whole["gen_ai.input.messages"])[0]["parts"][0]["content"] == '=HYPERLINK("x")'
    assert asked["gen_ai.provider.name"] == "anthropic"
    assert (asked["gen_ai.usage.input_tokens"], asked["gen_ai.usage.cache_read.input_tokens"]) == (
        "100",
        "30",
    )
    assert int(chat["endTimeUnixNano"]) - int(chat["startTimeUnixNano"]) == 750_000_000
    assert int(bash["endTimeUnixNano"]) - int(bash["startTimeUnixNano"]) == 1_000_000_000
    assert (bash["status"]["message"], called["gen_ai.tool.call.arguments"]) == (
        "no such file",
        '{"cmd":"ls","n":3}',
    )
    assert read["startTimeUnixNano"] == read["endTimeUnixNano"]
    assert "gen_ai.tool.call.id" not in again
    names = [event["name"] for event in agent["events"]]
    assert names == [
        f"ampmetrics.{table}"
        for table in ("iterations", "user_messages", "llm_usage", "file_edits", "git_operations",
                      "iterations", "test_results")
    ]  # fmt: skip
    assert [event["name"] for event in outside["events"]] == ["ampmetrics.trials"] * 2
    resource = attributes(told.requests[0]["resourceSpans"][0]["resource"])
    assert (resource["ampmetrics.case_id"], resource["ampmetrics.outcome"]) == ("one", "passed")
    assert told.otlp.what == "5 traces of 22 spans"


def test_what_is_too_deep_is_counted_and_what_has_no_time_has_none(tmp_path: Path) -> None:
    lines = [
        '{"type":"tool_call","sessionId":"s","timestamp":"yesterday","data":{"toolName":"x"}}',
        '{"type":"tool_call","sessionId":"s","timestamp":"2026-01-01T00:00:00Z","data":{"args":%s}}'
        % ("[" * 700 + "]" * 700),
        '{"type":"tool_call","sessionId":"s","timestamp":"2026-01-01T00:00:00Z","data":{"args":[1e999,NaN]}}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    with closing(connect(tmp_path / "a.jsonl", cache=False)) as con:
        written = exporters.otlp(con, tmp_path / "out.jsonl")
    assert written == exporters.Written("1 trace of 2 spans", ("1 event nested too deep",))
    (line,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    agent, call = line["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [event.keys() & {"timeUnixNano"} for event in agent["events"]] == [set()]
    assert attributes(call)["gen_ai.tool.call.arguments"] == '["1e999",null]'
    assert json.loads(attributes(call)["ampmetrics.event"])["data"]["args"][1] is None
