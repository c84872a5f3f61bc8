"""What several tests need: one run of the sample benchmark, made once for all of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import altair as alt
import duckdb
import pytest

from ampmetrics import theme
from ampmetrics.tables import connect

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "data" / "samples" / "suite.yaml"


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Results of the sample suite, both variants, run by the command; `stdout` lies beside them."""
    base = tmp_path_factory.getbasetemp()
    # The workers of pytest-xdist share the parent; the first one here runs the benchmark.
    shared = (base if worker_id == "master" else base.parent) / "sample-run"
    done = shared / "done"
    try:
        shared.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 120
        while not done.exists():
            assert time.monotonic() < deadline, "the run of the other worker never ended"
            time.sleep(0.1)
    else:
        command = [
            sys.executable, "-m", "ampmetrics", "bench", str(SUITE), "--agent", "sample",
            "--model", "high", "--model", "low", "--concurrent", "4",
            "--output-dir", str(shared / "results"),
        ]  # fmt: skip
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        (shared / "stdout").write_text(ran.stdout)
        done.write_text(f"{ran.returncode}\n{ran.stderr}")
    assert done.read_text() == "0\n"
    return shared / "results"


@pytest.fixture
def sample(sample_run: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the results of the sample suite."""
    with closing(connect(sample_run)) as con:
        yield con


@pytest.fixture
def enabled() -> Iterator[None]:
    """Our theme and renderer in this process."""
    theme.enable()
    yield
    alt.theme.enable("default")
    alt.renderers.enable("default")
