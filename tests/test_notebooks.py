"""The notebooks run as they are stored, in a real kernel, and are stored without outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
PARAMETERS = {
    "benchmark_report": lambda results: {"paths": [str(results)]},
    "first_steps": lambda results: {"results": str(results)},
}


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_clean(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown" or path.stem == "benchmark_report"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, sample_run: Path, tmp_path: Path) -> None:
    parameters = PARAMETERS[path.stem](sample_run)
    done = papermill.execute_notebook(
        path, tmp_path / "done.ipynb", parameters=parameters, kernel_name="python3",
        progress_bar=False, cwd=tmp_path,
    )  # fmt: skip
    outputs = [out for cell in done.cells for out in cell.get("outputs", [])]
    assert any("application/vnd.vegalite.v5+json" in out.get("data", {}) for out in outputs)
    streams = "".join(out.text for out in outputs if out.output_type == "stream")
    assert "Traceback" not in streams
    assert "ampmetrics: " not in streams
