"""The scripted LLM server on 127.0.0.1: four APIs and Amp's own, many agents at once, no
network."""

from __future__ import annotations

import gzip
import json
import secrets
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

from . import amp, anthropic, chat, gemini, responses
from .script import Step
from .session import Session
from .truth import Request, truth
from .wire import Api, Reply

ROUTES: list[tuple[str, Any]] = [
    ("/messages", anthropic),
    ("/chat/completions", chat),
    ("/responses", responses),
    (":generateContent", gemini),
    (":streamGenerateContent", gemini),
]
"""The end of a path → the API that is spoken there."""
COUNTS: dict[str, dict[str, Any]] = {
    "/messages/count_tokens": {"input_tokens": 1000},
    ":countTokens": {"totalTokens": 1000},
    "/models": {"object": "list", "data": []},
}
"""The end of a path → a fixed answer."""

LINGER = 0.2
"""Seconds between the last piece of an answer that is cut and the cut, so that the agent has read
what was said."""


class Server(ThreadingHTTPServer):
    """`with Server() as server: session = server.session("claude", steps)`; the agent gets
    `session.url` and `session.key`."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, port: int = 0, *, pace: float = 0.0) -> None:
        """`pace`: seconds between two pieces of a stream; no real model answers in no time."""
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.pace = pace
        self.sessions: dict[str, Session] = {}
        self.strays: list[tuple[str, str]] = []
        """(method, target) of requests of no session: other hosts asked for through a proxy
        setting, missing keys."""
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def session(
        self,
        agent: str,
        steps: Sequence[Step],
        *,
        subs: Mapping[str, tuple[str, Sequence[Step]]] | None = None,
    ) -> Session:
        """A new conversation; `subs`: sub-agent's name → (a text in its first user message, its
        steps)."""
        key = f"sk-scripted-{secrets.token_hex(8)}"
        session = Session(agent, steps, subs or {}, key, f"{self.url}/s/{key}")
        self.sessions[key] = session
        return session

    def truth(self) -> dict[str, Any]:
        """The sums over all sessions."""
        return truth(
            request for session in list(self.sessions.values()) for request in session.requests
        )

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self.shutdown()
        # Connections that are kept alive wait for a request that will not come.
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """A connection, remembered as long as it is open."""
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """The connection is done with."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Agents that are killed break their connections: that is no fault of the server."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *args: Any) -> None:
        """Silent: the record is the session's."""

    def _session(self) -> tuple[Session | None, str]:
        """The session by path prefix /s/KEY, or by the key in a header or in the query; and the
        path without the prefix."""
        path = self.path
        if path.startswith("/s/"):
            key, _, rest = path[3:].partition("/")
            return self.server.sessions.get(key), "/" + rest
        said = " ".join([*self.headers.values(), path])
        return next(
            (session for key, session in list(self.server.sessions.items()) if key in said), None
        ), path

    def do_CONNECT(self) -> None:
        self.server.strays.append((self.command, self.path))
        self._json(403, {"error": "no network"})

    def do_GET(self) -> None:
        body = self._body()
        session, path = self._session()
        if session is None:
            self.server.strays.append((self.command, self.path))
            return self._json(404, {"error": "no such session"})
        bare = urlsplit(path).path
        for end, api in ROUTES:
            if bare.endswith(end) and self.command == "POST":
                return self._model(session, cast(Api, api), path, body)
        session.other.append((self.command, path))
        for end, fixed in COUNTS.items():
            if bare.endswith(end):
                return self._json(200, fixed)
        if session.agent == "amp":
            return self._json(*amp.answer(session.threads, path, body))
        return self._json(
            404, {"error": {"message": f"{self.command} {path} is not scripted", "code": 404}}
        )

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

    def _body(self) -> Any:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            raw = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        try:
            return json.loads(raw)
        except ValueError:
            return {}

    def _json(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _model(self, session: Session, api: Api, path: str, body: dict[str, Any]) -> None:
        step, request, reply = session.answer(api, path, body)
        if step.delay:
            self.server.stopping.wait(step.delay)
        if step.status != 200:
            self._json(step.status, api.error(step.status, step.error))
        elif request.stream:
            self._stream(api, step, request, reply)
        elif step.hang or step.cut:
            self._halt(step, request)
        else:
            self._finish(request, lambda: self._json(200, api.whole(reply)))

    def _stream(self, api: Api, step: Step, request: Request, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        pieces = list(api.pieces(reply))
        told = 1 if step.hang else len(pieces) // 2 if step.cut else len(pieces)
        for piece in pieces[:told]:
            self.server.stopping.wait(self.server.pace)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if step.hang or step.cut:
            self._halt(step, request)
        else:
            self._finish(request, lambda: self.wfile.write(b"0\r\n\r\n"))

    def _finish(self, request: Request, write: Callable[[], object]) -> None:
        """Recorded before the last byte goes out: the agent may end, and its test ask, the moment
        it has it."""
        request.ended = "whole"
        try:
            write()
        except OSError:
            request.ended = "gone"
            raise

    def _halt(self, step: Step, request: Request) -> None:
        """Hang until the agent goes away or the server stops; or cut the connection."""
        self.close_connection = True
        request.ended = "cut" if step.cut else "gone"
        if step.cut:
            self.server.stopping.wait(LINGER)
        self.connection.settimeout(0.2)
        while step.hang and not self.server.stopping.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return
