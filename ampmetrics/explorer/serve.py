"""A Jupyter server of its own that shows the explorer: on 127.0.0.1, with a token, in one folder.

Voilà shows the notebook as a page; for JupyterLab it is run first, as that shows what it finds.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from nbformat.sign import NotebookNotary

from ampmetrics.errors import CannotRunError

__all__ = ["Served", "served"]

_NOTEBOOK = "explore.ipynb"
_KERNEL = "ampmetrics"
_PATIENCE_SEC = 60.0
_LEAVING_SEC = 10.0
_HOSTS = {
    "voila": ("voila.server_extension", f"voila/render/{_NOTEBOOK}"),
    "jupyterlab": ("jupyterlab", f"doc/tree/{_NOTEBOOK}"),
}
"""Program → its extension of the server, and where it shows the notebook."""
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: blob:; "
    "frame-ancestors 'self'"
)
"""What a page may load: nothing from outside, as Voilà's would."""
_SERVER = {
    "ip": "127.0.0.1", "open_browser": False, "answer_yes": True, "allow_root": True,
    "terminals_enabled": False,
    "tornado_settings": {"headers": {"Content-Security-Policy": _POLICY}},
}  # fmt: skip
_LAB = {
    "extension_manager": "readonly",
    "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
}
_VOILA = {
    # Else it hides what is wrong with a file.
    "VoilaConfiguration": {"show_tracebacks": True},
    # A page that is left or loaded again cannot end its kernel: the server lets no such request in.
    "MappingKernelManager": {"cull_idle_timeout": 120, "cull_interval": 30},
}
_LOOKS = "lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
_PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
"""No terminal, and nothing is asked of the network: no news, no updates, no list of extensions."""


_DOOR = """<!doctype html><meta charset=utf-8><title>ampmetrics</title><script>
const dark = matchMedia("(prefers-color-scheme: dark)").matches
location.replace("{url}" + (dark ? "&theme=dark" : ""))
</script>"""
"""Voilà is told by its address what JupyterLab asks the browser itself."""


class Served(NamedTuple):
    """Where a browser finds the explorer, and the server's process."""

    url: str
    """with the token: who has it can run code as the user"""
    process: subprocess.Popen[bytes]
    door: Path
    """a page that leads there; its name gives nothing away to who lists the processes"""


class _Home(NamedTuple):
    """The server's folder: settings, kernels, what it keeps, the notebook; removed in the end."""

    path: Path

    @property
    def notebook(self) -> Path:
        return self.path / "notebooks" / _NOTEBOOK

    def environment(self, token: str) -> dict[str, str]:
        folders = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
        own = {f"JUPYTER_{name}_DIR": str(self.path / at) for name, at in folders.items()}
        own |= {"IPYTHONDIR": str(self.path / "ipython"), "JUPYTER_TOKEN": token}
        # A checkout that is on sys.path but not installed is to be found by the kernel too.
        known = os.environ.get("PYTHONPATH")
        here = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join([*([known] if known else []), here])
        return {**os.environ, **own, "PYTHONPATH": path}


@contextmanager
def served(paths: Sequence[str], host: str | None = None) -> Iterator[Served]:
    """The explorer of these paths, for as long as the block lasts; then nothing is left of it.

    `host`: voila or jupyterlab; null: the first of them that is installed. Raises CannotRunError
    where neither is installed in this Python, or the server does not start.
    """
    host = host or next((name for name in _HOSTS if find_spec(name)), None)
    if host is None:
        raise CannotRunError(
            "neither Voilà nor JupyterLab is installed beside ampmetrics: "
            "pip install 'ampmetrics[explore]'"
        )
    with tempfile.TemporaryDirectory(
        prefix="ampmetrics-explore-", ignore_cleanup_errors=True
    ) as folder:
        home, token = _Home(Path(folder)), secrets.token_hex(24)
        _furnish(home, host, paths)
        with _running(home, token) as process:
            at = _ready(home, process, token)
            if host == "jupyterlab":
                _run(home, at, token)
            url = f"{at}{_HOSTS[host][1]}?token={token}"
            door = home.path / "explorer.html"
            door.write_text(_DOOR.format(url=url), encoding="utf-8")
            yield Served(url, process, door)


def _furnish(home: _Home, host: str, paths: Sequence[str]) -> None:
    """Write the notebook, the kernel that runs it (this very Python) and the settings."""
    kernel = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
              "display_name": "Python", "language": "python"}  # fmt: skip
    server = {**_SERVER, "jpserver_extensions": {_HOSTS[host][0]: True}}
    _write(home.path / "data" / "kernels" / _KERNEL / "kernel.json", kernel)
    settings = {"ServerApp": server, "LabApp": _LAB, **(_VOILA if host == "voila" else {})}
    _write(home.path / "config" / "jupyter_server_config.json", settings)
    _write(home.path / "config" / "labconfig" / "page_config.json", _PAGE)
    _write(home.path / "config" / _LOOKS, {"adaptive-theme": True})
    home.notebook.parent.mkdir()
    nbformat.write(_notebook(paths), home.notebook)  # type: ignore[no-untyped-call]
    (home.path / "runtime").mkdir()


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def _notebook(paths: Sequence[str]) -> Any:
    notebook: Any = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    notebook.metadata["kernelspec"] = {
        "name": _KERNEL, "display_name": "Python", "language": "python",
    }  # fmt: skip
    source = f"import ampmetrics as am\n\nam.explore({list(paths)!r})"
    hidden = {"jupyter": {"source_hidden": True}}
    cell = nbformat.v4.new_code_cell(source, metadata=hidden)  # type: ignore[no-untyped-call]
    notebook.cells = [cell]
    return notebook


@contextmanager
def _running(home: _Home, token: str) -> Iterator[subprocess.Popen[bytes]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "ampmetrics.explorer.server", str(home.path),
        f"--ServerApp.port={port}",
    ]  # fmt: skip
    with (home.path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=home.notebook.parent, env=home.environment(token),
            stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it end its kernels and itself; who is in a hurry, or waits too long, kills it."""
    process.terminate()
    try:
        process.wait(_LEAVING_SEC)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Its kernels notice that it is gone.
        process.kill()
        process.communicate()


def _ready(home: _Home, process: subprocess.Popen[bytes], token: str) -> str:
    """Wait until the server answers; its address."""
    deadline = time.monotonic() + _PATIENCE_SEC
    told = home.path / "runtime" / f"jpserver-{process.pid}.json"
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, ValueError):
            at = str(json.loads(told.read_text())["url"])
            _ask(f"{at}api", token)
            return at
        time.sleep(0.1)
    lines = (home.path / "log").read_text(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")
    raise CannotRunError(f"the Jupyter server did not start: {last[:300]}")


def _ask(url: str, token: str, sent: Any = None) -> Any:
    """What our own server answers; no proxy is asked on the way."""
    request = urllib.request.Request(  # noqa: S310
        url,
        data=json.dumps(sent).encode() if sent else None,
        headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_PATIENCE_SEC) as answer:
        return json.load(answer)


def _run(home: _Home, at: str, token: str) -> None:
    """Run the notebook in a kernel of the server, and keep what it shows.

    JupyterLab finds the kernel by the notebook's name, and in it the widget that the output names.
    """
    wanted = {"path": _NOTEBOOK, "name": _NOTEBOOK, "type": "notebook", "kernel": {"name": _KERNEL}}
    kernel = _ask(f"{at}api/sessions", token, wanted)["kernel"]["id"]
    notebook: Any = nbformat.read(home.notebook, as_version=4)  # type: ignore[no-untyped-call]
    (cell,) = notebook.cells
    cell.outputs = _outputs(home.path / "runtime" / f"kernel-{kernel}.json", cell.source)
    nbformat.write(notebook, home.notebook)  # type: ignore[no-untyped-call]
    # Outputs of a notebook that is not trusted are not shown.
    notary: Any = NotebookNotary(data_dir=str(home.path / "data"))  # type: ignore[no-untyped-call]
    notary.sign(notebook)


def _outputs(connection: Path, source: str) -> list[Any]:
    client = BlockingKernelClient()
    client.load_connection_file(str(connection))
    client.start_channels()
    outputs: list[Any] = []

    def keep(message: Any) -> None:
        with suppress(ValueError):
            outputs.append(nbformat.v4.output_from_msg(message))  # type: ignore[no-untyped-call]

    try:
        _wait(client)
        client.execute_interactive(source, timeout=None, output_hook=keep, allow_stdin=False)
    finally:
        client.stop_channels()
    return outputs


def _wait(client: BlockingKernelClient) -> None:
    deadline = time.monotonic() + _PATIENCE_SEC
    while True:
        try:
            return client.wait_for_ready(_PATIENCE_SEC)
        except RuntimeError as error:
            # It says that a kernel has died also where that has not begun to live.
            if time.monotonic() > deadline:
                raise CannotRunError(
                    f"the kernel of the explorer did not start: {error}"
                ) from error
