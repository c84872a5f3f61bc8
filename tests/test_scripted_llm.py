"""The scripted server by itself: each API, whole and streamed, and every way to fail."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from real.scripted_llm import Server, Session, Step, Usage, edit, failure, read, shell

USAGE = Usage(input=11, cache_read=22, cache_write=0, output=44, reasoning=5)
STEP = Step("Said.", "Thought.", (read("a.py"), shell("ls")), USAGE)
TOOLS = {"anthropic": "claude", "chat": "opencode", "responses": "codex", "gemini": "gemini"}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def post(session: Session, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
    host, _, prefix = session.url.removeprefix("http://").partition("/")
    with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        connection.request(
            "POST", f"/{prefix}{path}", json.dumps(body), {"Content-Type": "application/json"}
        )
        with connection.getresponse() as response:
            return response.status, response.read()


def request(api: str, stream: bool, tool: str = "") -> tuple[str, dict[str, Any]]:
    """A least request of each API that offers one tool of the agent (or `tool`)."""
    user = {"role": "user", "content": "Do it."}
    name = (
        tool
        or {
            "anthropic": "Read",
            "chat": "read",
            "responses": "exec_command",
            "gemini": "read_file",
        }[api]
    )
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    if api == "anthropic":
        tools: list[dict[str, Any]] = [{"name": name, "input_schema": schema}]
        return "/v1/messages", {"model": "m", "stream": stream, "messages": [user], "tools": tools}
    if api == "chat":
        tools = [{"type": "function", "function": {"name": name, "parameters": schema}}]
        return "/v1/chat/completions", {
            "model": "m",
            "stream": stream,
            "messages": [user],
            "tools": tools,
        }
    if api == "responses":
        tools = [{"type": "function", "name": name, "parameters": schema}]
        return "/v1/responses", {"model": "m", "stream": stream, "input": [user], "tools": tools}
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    tools = [{"functionDeclarations": [{"name": name, "parametersJsonSchema": schema}]}]
    return f"/v1beta/models/m:{verb}", {
        "contents": [{"role": "user", "parts": [{"text": "Do it."}]}],
        "tools": tools,
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", list(TOOLS))
def test_an_answer_tells_its_usage(server: Server, api: str, stream: bool) -> None:
    session = server.session(TOOLS[api], [STEP])
    status, data = post(session, *request(api, stream))
    assert status == 200
    text = data.decode()
    assert "Thought." in text.replace('"},"', "") or stream
    truth = session.truth()
    assert truth["tokens"] == {
        "input": 11,
        "cache_read": 22,
        "cache_write": 0,
        "output": 44,
        "reasoning": 5,
    }
    assert [call["ops"] for call in truth["tool_calls"]] == [("read",), ("shell",)]
    assert truth["steps_left"] == 0
    told = {
        "anthropic": '"input_tokens": 11',
        "chat": '"prompt_tokens": 33',
        "responses": '"input_tokens": 33',
        "gemini": '"promptTokenCount": 33',
    }[api]
    assert told.replace(" ", "") in text.replace(" ", "")


def test_streams_of_sse_hold_json(server: Server) -> None:
    for api, agent in TOOLS.items():
        _, data = post(server.session(agent, [STEP]), *request(api, True))
        lines = [
            line[6:]
            for line in data.decode().splitlines()
            if line.startswith("data: ") and line != "data: [DONE]"
        ]
        assert len([json.loads(line) for line in lines]) > 2


def test_a_request_without_the_agents_tools_is_beside(server: Server) -> None:
    session = server.session("claude", [STEP])
    path, body = request("anthropic", False, tool="set_title")
    _, data = post(session, path, body)
    assert json.loads(data)["content"][0]["input"] == {"title": "Scripted title"}
    truth = session.truth()
    assert truth["tokens"]["input"] == 0
    assert truth["tokens_side"] == {
        "input": 50,
        "cache_read": 0,
        "cache_write": 0,
        "output": 5,
        "reasoning": 0,
    }
    assert truth["steps_left"] == 1


def test_an_error_is_given_as_often_as_said_then_the_script_goes_on(server: Server) -> None:
    session = server.session("claude", [failure(529, "busy", times=2), Step("Done.")])
    assert [post(session, *request("anthropic", False))[0] for _ in range(3)] == [529, 529, 200]
    assert session.truth()["requests_by_end"] == {"error": 2, "whole": 1}


def test_a_cut_answer_is_told_apart(server: Server) -> None:
    session = server.session("claude", [Step("Long.", usage=USAGE, cut=True)])
    with pytest.raises(http.client.IncompleteRead):
        post(session, *request("anthropic", True))
    truth = session.truth()
    assert truth["tokens"]["input"] == 0
    assert truth["tokens_unfinished"]["output"] == 44
    assert truth["tokens_begun"]["output"] == 4


def test_a_hanging_answer_ends_with_the_server() -> None:
    with Server() as server:
        session = server.session("claude", [Step("Never.", hang=True)])
        host, _, prefix = session.url.removeprefix("http://").partition("/")
        path, body = request("anthropic", True)
        with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
            connection.request("POST", f"/{prefix}{path}", json.dumps(body))
            with connection.getresponse() as response:
                assert b"message_start" in response.read1()
    assert session.truth()["requests_by_end"] == {"gone": 1}


def test_more_requests_than_steps_are_told(server: Server) -> None:
    session = server.session("claude", [])
    post(session, *request("anthropic", False))
    assert session.truth()["requests_by_script"] == {"exhausted": 1}


def test_sessions_are_told_apart_by_path_and_by_key(server: Server) -> None:
    one, two = server.session("amp", [STEP]), server.session("claude", [STEP, STEP])
    host = server.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        connection.request(
            "POST", "/api/internal?getUserInfo", "{}", {"Authorization": f"Bearer {one.key}"}
        )
        assert json.loads(connection.getresponse().read())["ok"]
    post(two, *request("anthropic", False))
    assert one.truth()["other_requests"] == ["POST /api/internal?getUserInfo"]
    assert two.truth()["requests_by_script"] == {"main": 1}
    with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        connection.request("GET", "/elsewhere")
        with connection.getresponse() as response:
            assert response.status == 404
    assert server.strays == [("GET", "/elsewhere")]


def test_a_sub_agent_has_its_own_script(server: Server) -> None:
    subs = {"helper": ("Do it", [Step("Helped.", usage=USAGE)])}
    session = server.session("claude", [STEP], subs=subs)
    post(session, *request("anthropic", False))
    assert session.truth()["tokens_by_script"] == {
        "helper": {"input": 11, "cache_read": 22, "cache_write": 0, "output": 44, "reasoning": 5}
    }


def test_codex_edits_become_one_patch(server: Server) -> None:
    session = server.session(
        "codex",
        [Step(calls=(edit("a.py", "x = 1", "x = 2"), edit("b.py", "y = 1", "y = 2")), usage=USAGE)],
    )
    _, data = post(session, *request("responses", False))
    (item,) = json.loads(data)["output"]
    assert item["type"] == "custom_tool_call"
    assert item["input"].count("*** Update File") == 2
