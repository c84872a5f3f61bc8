"""Runs a notebook with papermill in a kernel of this very Python, without a word on the terminal.

Nothing is written but in a temporary folder: no history, profile or connection file of the user's.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets import default
from traitlets.config import Config

__all__ = ["Executed", "Failure", "execute"]

_LOG = "kernel.log"
_MARKER = "papermill-error-cell-tag"
_INJECTED = "injected-parameters"


class Failure(NamedTuple):
    """The cell that ended the run; `number` counts the notebook's code cells from 1."""

    number: int | None
    error: str


class Executed(NamedTuple):
    """A notebook with its outputs; where `failure` is there, only with those up to it."""

    notebook: Any
    failure: Failure | None


class _Kernel(AsyncKernelManager):
    """Starts this interpreter, whatever kernels the user has by the name python3."""

    @default("kernel_spec_manager")
    def _native_only(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])

    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        folder = Path(self.connection_file).parent
        # What the kernel itself prints, such as that it was stopped, is no user's business.
        with (folder / _LOG).open("ab") as log:
            await super().start_kernel(env=_environment(folder), stdout=log, stderr=log, **options)


def execute(notebook: Any, parameters: Mapping[str, Any]) -> Executed:
    """Run a notebook in the current folder; a cell's error ends it and is returned, not raised."""
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="ampmetrics-") as folder:
        output = Path(folder) / "executed.ipynb"
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
                kernel_manager_class=_Kernel,
                config=_config(Path(folder)),
            )
        except (
            PapermillExecutionError,
            CellExecutionError,
            DeadKernelError,
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


def _environment(folder: Path) -> dict[str, str]:
    environment = dict(os.environ)
    environment |= {"IPYTHONDIR": str(folder / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    # A checkout that is on sys.path but not installed has to be importable in the kernel too.
    home = Path(__file__).resolve().parents[2]
    if home.name not in ("site-packages", "dist-packages"):
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(home), *([known] if known else [])])
    return environment


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
