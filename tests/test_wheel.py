"""An installed wheel has all that it needs: the demo and the report work from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked."""
    made, unpacked = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("installed")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        made,
        ROOT,
    ]
    subprocess.run(command, check=True)
    (wheel,) = made.glob("ampmetrics-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    return unpacked


def test_benchmark_and_report_work_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(installed)}
    where = "import ampmetrics; print(ampmetrics.__file__)"
    found = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, env=env, text=True,
                           capture_output=True, check=True).stdout  # fmt: skip
    assert found.startswith(str(installed))
    suite = installed / "ampmetrics" / "samples" / "suite.yaml"
    for arguments in (
        ["bench", suite, "--agent", "sample", "--model", "low", "--case", "redact-secrets"],
        ["report", "benchmark-results"],
    ):
        ran = subprocess.run([sys.executable, "-m", "ampmetrics", *map(str, arguments)], env=env,
                             cwd=tmp_path, capture_output=True, text=True, check=False)  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr == ""
    assert "recorded sample agent, not a model" in (tmp_path / "report.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["benchmark-results", "report.html"]
