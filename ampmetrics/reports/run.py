"""Runs a notebook with papermill in a kernel, without a word on the terminal."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import papermill
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from papermill.exceptions import PapermillExecutionError
from traitlets import default
from traitlets.config import Config

from ampmetrics.reports.kernel import Kernel

__all__ = ["Executed", "Failure", "execute"]

_MARKER = "papermill-error-cell-tag"
_INJECTED = "injected-parameters"
_START_SEC = 600
"""How long a kernel may load; one that has died is noticed before."""


class Failure(NamedTuple):
    """The cell that ended the run; `number` counts the notebook's code cells from 1."""

    number: int | None
    error: str


class Executed(NamedTuple):
    """A notebook with its outputs; where `failure` is there, only with those up to it."""

    notebook: Any
    failure: Failure | None


class _Waiting(LocalProvisioner):
    """Gives the kernel's command line to a process that waits for it, and starts none."""

    kernel: Kernel

    async def launch_kernel(self, cmd: list[str], **_: Any) -> KernelConnectionInfo:
        self.process = self.kernel.process
        self.pid = self.pgid = self.process.pid
        self.kernel.begin(cmd[cmd.index("-f") :])
        return self.connection_info


def _manager(kernel: Kernel) -> type[AsyncKernelManager]:
    """A class of its own, because it is papermill that makes the manager."""

    class Manager(AsyncKernelManager):
        @default("kernel_spec_manager")
        def _native_only(self) -> KernelSpecManager:
            """This interpreter, whatever kernels the user has by the name python3."""
            return KernelSpecManager(kernel_dirs=[])

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            self.provisioner = _Waiting(
                kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
            )
            self.provisioner.kernel = kernel
            await super().start_kernel(**options)

    return Manager


def execute(notebook: Any, parameters: Mapping[str, Any], kernel: Kernel) -> Executed:
    """Run a notebook in the current folder; a cell's error ends it and is returned, not raised."""
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    output = kernel.folder / "executed.ipynb"
    try:
        done = papermill.execute_notebook(
            notebook,
            str(output),
            parameters=dict(parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            autosave_cell_every=0,
            kernel_manager_class=_manager(kernel),
            start_timeout=_START_SEC,
            config=_config(kernel.folder),
        )
    except (
        PapermillExecutionError,
        CellExecutionError,
        # Also DeadKernelError, and what is raised of a kernel that dies before it is ready.
        RuntimeError,
        CellTimeoutError,
    ) as error:
        if output.exists():
            notebook = nbformat.read(output, as_version=4)  # type: ignore[no-untyped-call]
        return _failed(notebook, error)
    return Executed(done, None)


def _config(folder: Path) -> Config:
    manager = {"connection_file": str(folder / "kernel.json")}
    if os.name == "posix":
        # Over TCP ipykernel warns on stderr that others on this machine could listen.
        manager |= {"transport": "ipc", "ip": str(folder / "k")}
    return Config({"KernelManager": manager})


def _failed(notebook: Any, error: Exception) -> Executed:
    notebook.cells = [
        cell for cell in notebook.cells if _MARKER not in cell.metadata.get("tags", [])
    ]
    at = _failed_at(notebook)
    if at is None:
        return Executed(notebook, Failure(None, f"{type(error).__name__}: {_first_line(error)}"))
    own = [c for c in notebook.cells[: at + 1] if c.cell_type == "code" and not _injected(c)]
    said = next((o for o in notebook.cells[at].outputs if o.output_type == "error"), None)
    what = (
        f"{said.ename}: {said.evalue}" if said else f"{type(error).__name__}: {_first_line(error)}"
    )
    notebook.cells[at].metadata["ampmetrics_failed"] = True
    return Executed(notebook, Failure(len(own), what))


def _failed_at(notebook: Any) -> int | None:
    for index, cell in enumerate(notebook.cells):
        if any(o.output_type == "error" for o in cell.get("outputs", [])):
            return index
        if cell.metadata.get("papermill", {}).get("exception"):
            return index
    return None


def _injected(cell: Any) -> bool:
    return _INJECTED in cell.metadata.get("tags", [])


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "no message")
