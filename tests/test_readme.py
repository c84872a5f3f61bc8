"""What the README says is true: its commands run as written in a fresh copy and environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from test_import_claude import chat
from test_import_codex import MODEL, PROMPT, meta, rollout, used
from test_import_codex import record as response

from ampmetrics.bench import Options, load_suite, plan
from ampmetrics.events import KINDS

# One copy for all, and its commands in their order.
pytestmark = pytest.mark.xdist_group("readme")

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without any configuration or cache."""
    return tmp_path_factory.mktemp("home")


def run(command: str, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """A command line in an environment like a new machine's, with .venv/bin first on the PATH."""
    keep = ("LANG", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE",
            "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "PIP_CERT", "PIP_TRUSTED_HOST")  # fmt: skip
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env |= {"HOME": str(home), "PATH": f"{cwd}/.venv/bin:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-ec", command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, home: Path) -> tuple[Path, str]:
    """A fresh copy in which `make demo` ran, and what that printed."""
    copy = tmp_path_factory.mktemp("clone") / "ampmetrics"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    ran = run("make demo", copy, home)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not ran.stderr
    return copy, ran.stdout


def masked(text: str) -> list[str]:
    """Lines without the figures that differ from run to run, in an order that does not."""
    return sorted(re.sub(r"\d+ms", "…ms", line) for line in text.splitlines() if line != "…")


def test_make_demo_prints_what_the_readme_shows(demo: tuple[Path, str]) -> None:
    (console,) = blocks("console")
    shown = console[
        console.index("$ make demo\n") + len("$ make demo\n") : console.index("$ make test")
    ]
    assert set(masked(shown)) <= set(masked(demo[1]))
    assert shown.splitlines()[0] == demo[1].splitlines()[0]
    assert (demo[0] / "build" / "demo" / "report.html").is_file()


@pytest.mark.parametrize(
    "command",
    [line for block in blocks("sh")[1:] for line in block.splitlines()],
)
def test_a_command_of_the_readme_runs(demo: tuple[Path, str], home: Path, command: str) -> None:
    ran = run(command, demo[0], home)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    assert not ran.stderr


def test_the_commands_for_a_real_agent_run(demo: tuple[Path, str], home: Path) -> None:
    copy, _ = demo
    (block, suite) = blocks("sh")[0], blocks("yaml")[0]
    (copy / "suite.yaml").write_text(suite)
    amp = copy / ".venv" / "bin" / "amp"
    result = '{"type":"result","subtype":"success","is_error":false,"session_id":"T-1"}'
    amp.write_text(f"#!/bin/sh\necho '{result}'\n")
    amp.chmod(0o755)
    ran = run(block, copy, home)
    assert ran.returncode == 0, ran.stderr
    assert "Total: 6\n" in ran.stdout
    assert (copy / "report.html").is_file()


def test_the_session_goes_on(demo: tuple[Path, str], home: Path) -> None:
    copy, _ = demo
    (block,) = blocks("shell")
    ran = run(block, copy, home)
    assert ran.returncode == 0, ran.stderr
    assert "Iteration 1: success (" in ran.stdout
    events = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert [event["sessionId"] for event in events] == ["shop"] * 3
    assert events[0]["data"]["iterationNumber"] == 2
    assert "Freed: " in ran.stdout
    assert (copy / "shop.patch").read_text().count("diff --git ") > 1
    assert "rror" not in ran.stderr


def test_the_import_runs(demo: tuple[Path, str], tmp_path: Path) -> None:
    chat(tmp_path / ".claude")
    rollout(tmp_path / ".codex", meta(), MODEL, PROMPT, response(2, "r1", used(1000, 0, 50)))
    (block,) = blocks("bash")
    ran = run(block, demo[0], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "claude-sonnet-4-5-20250929" in ran.stdout
    assert "gpt-5.5" in ran.stdout
    assert (demo[0] / "usage.html").is_file()


def test_the_notebook_example_runs(demo: tuple[Path, str], home: Path) -> None:
    copy, _ = demo
    (example,) = blocks("python")
    (copy / "example.py").write_text(example)
    ran = run("python example.py", copy, home)
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr
    assert "agent_error" in ran.stdout
    assert (copy / "outcomes.html").is_file()


@pytest.mark.parametrize("suite", blocks("yaml"), ids=["short", "whole"])
def test_the_suite_is_valid(tmp_path: Path, suite: str) -> None:
    shutil.copytree(ROOT / "data" / "samples" / "repos", tmp_path / "data" / "samples" / "repos")
    (tmp_path / "suite.yaml").write_text(suite)
    loaded = load_suite(tmp_path / "suite.yaml")
    assert [case.id for case in loaded.cases] == ["fix-rounding"]
    assert plan(loaded, Options(output_dir=tmp_path))


def test_the_event_has_every_field_of_its_kind() -> None:
    (example,) = blocks("json")
    event = json.loads(example)
    fields = msgspec.structs.fields(KINDS[event["type"]])
    assert list(event["data"]) == [field.encode_name for field in fields]


def test_every_kind_and_table_is_described() -> None:
    for kind, record in KINDS.items():
        row = next(
            line for line in README.splitlines() if line.startswith("|") and f"`{kind}`" in line
        )
        assert f"`{record.table}`" in row


def test_what_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
