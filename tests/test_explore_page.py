"""The explorer in real JupyterLab and in Voilà: lists, chart and table answer, nothing is loaded."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError

import pytest
from click.testing import CliRunner
from explored import call, session, write
from fakes import wait_until
from hostile import write_hostile_run
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ampmetrics.cli.explore import command
from ampmetrics.errors import CannotRunError
from ampmetrics.events import FileEdit, Outcome, TrialEnd, TrialStart
from ampmetrics.explorer import serve
from ampmetrics.explorer.serve import Served, served
from ampmetrics.theme import SHADES

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LAUNCH = ("--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking")
PATIENCE_MS = 60_000
COUNTED = """() => {
    window.drawn = 0;
    const count = (node) => { drawn += node.matches?.("svg.marks") ? 1 : 0; };
    new MutationObserver((all) => all.forEach((each) => each.addedNodes.forEach(count)))
        .observe(document.querySelector(".am-explorer"), {subtree: true, childList: true});
}"""


@dataclass
class Opened:
    """A page, what left this machine, and what broke."""

    page: Page
    outside: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        message = f"no Chromium on PATH; looked for {', '.join(CHROMIUM)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(LAUNCH))
        yield started
        started.close()


def opened(browser: Browser, url: str, colours: str = "light") -> Opened:
    """The page with the explorer's first chart drawn."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, color_scheme=colours)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    shown = Opened(page)

    def finished(request: object) -> None:
        if not re.match(r"(http|ws)://127\.0\.0\.1:|data:|blob:|file:", request.url):
            shown.outside.append(request.url)

    # A request that the page's own policy refuses never leaves: it fails and does not finish.
    page.on("requestfinished", finished)
    page.on(
        "requestfailed", lambda request: None if request.failure == "csp" else finished(request)
    )
    page.on("pageerror", lambda error: shown.broken.append(str(error)))
    page.goto(url)
    page.locator(".am-explorer .am-picture svg.marks").wait_for()
    return shown


def is_dark(page: Page) -> bool:
    """Whether a chart has light words and nothing white behind them."""
    drawn = page.locator(".am-picture svg.marks")
    behind = drawn.evaluate("svg => getComputedStyle(svg).backgroundColor")
    title = drawn.locator(".role-title-text text").first
    light = f"rgb{tuple(int(SHADES['ink'].dark[i : i + 2], 16) for i in (1, 3, 5))}"
    words = title.evaluate("text => getComputedStyle(text).fill")
    return (behind, words) == ("rgba(0, 0, 0, 0)", light)


def view(page: Page, name: str) -> None:
    page.locator(".am-views button", has_text=name).click()


def run(folder: Path) -> Path:
    """A hostile run, and beside it one with two cases that are told apart easily."""
    folder.mkdir()
    write_hostile_run(folder)
    for case, tool in (("add", "Read"), ("remove", "Grep")):
        write(
            folder / f"{case}.jsonl", TrialStart(agent="amp"), call(tool, args={"path": f"{case}.py"}),
            FileEdit(path=f"{case}.py", operation="modify", lines_added=1, lines_deleted=0,
                     diff=f"--- a\n+++ b\n@@ -1 +1,2 @@\n+in {case}\n"),
            TrialEnd(outcome=Outcome.PASSED, success=True), session=case, case=case, trial=1,
            run="second",
        )  # fmt: skip
    return folder


def test_in_jupyterlab_lists_change_chart_and_table(browser: Browser, tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    with served([str(folder)], "jupyterlab") as explorer:
        shown = opened(browser, explorer.door.as_uri(), "dark")
        page = shown.page
        assert is_dark(page)
        chart, table = page.locator(".am-picture svg.marks"), page.locator(".am-table tbody")
        expect(page.locator(".am-figures li").first).to_contain_text("18")
        view(page, "Tool calls")
        expect(chart).to_contain_text("{{tool}}")
        expect(table).to_contain_text("{{tool}}")
        page.evaluate(COUNTED)
        page.get_by_label("Case", exact=True).select_option("add")
        expect(chart).to_contain_text("Read")
        expect(chart).not_to_contain_text("Grep")
        expect(table).to_contain_text("add.py")
        expect(table).not_to_contain_text("remove.py")
        expect(table.locator("tr")).to_have_count(1)
        view(page, "Edits")
        page.locator(".am-diff summary").click()
        expect(page.locator(".am-diff ins")).to_have_text("+in add\n")
        # Once for the case, once for the view: what is drawn twice takes twice as long.
        assert page.evaluate("drawn") == 2
        # A line that is written meanwhile appears by itself.
        view(page, "Tool calls")
        write(folder / "add.jsonl", call("Bash", after=7), session="add", case="add", trial=1,
              run="second")  # fmt: skip
        expect(table.locator("tr")).to_have_count(2)
        expect(chart).to_contain_text("Bash")
        page.locator(".am-sort button", has_text="Took").click()
        expect(table.locator("tr").first).to_contain_text("201 ms")
        page.locator(".am-sort button", has_text="Took").click()
        expect(table.locator("tr").first).to_contain_text("207 ms")
        assert page.evaluate("window.pwned") is None
        assert page.locator(".am-explorer img").count() == 0
        assert (shown.outside, shown.broken) == ([], [])


def test_the_command_shows_it_until_it_is_interrupted(browser: Browser, tmp_path: Path) -> None:
    folder, temporary = run(tmp_path / "run"), tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "ampmetrics", "explore", str(folder), "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/voila/.*\?token=\w{48}", url)
            (door,) = temporary.glob("*/explorer.html")
            shown = opened(browser, door.as_uri(), "dark")
            assert is_dark(shown.page)
            assert url in shown.page.url
            shown.page.get_by_label("Case", exact=True).select_option("remove")
            expect(shown.page.locator(".am-figures li").first).to_contain_text("1")
            view(shown.page, "Tool calls")
            expect(shown.page.locator(".am-picture svg.marks")).to_contain_text("Grep")
            expect(shown.page.locator(".am-table tbody tr")).to_have_count(1)
            assert (shown.outside, shown.broken) == ([], [])
            with pytest.raises(HTTPError, match="403"):
                urllib.request.urlopen(f"{url.partition('/voila')[0]}/api/contents")
            shown.page.close()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert said.splitlines()[-1] == "ampmetrics: interrupted"
    wait_until(lambda: not left_of(str(temporary)), "the end of every process")
    assert list(temporary.iterdir()) == []


def left_of(folder: str) -> list[int]:
    """Processes that have this folder in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if folder in line:
            found.append(int(process.name))
    return found


STARTER = """
import sys
from ampmetrics.explorer import serve
# Two minutes are too long to wait for.
serve._VOILA["MappingKernelManager"] = {"cull_idle_timeout": 3, "cull_interval": 1}
with serve.served(sys.argv[1:], "voila") as explorer:
    print(explorer.url, explorer.process.pid, flush=True)
    sys.stdin.read()
"""


def test_a_page_that_cannot_be_shown_says_why_and_what_is_killed_leaves_nothing(
    tmp_path: Path,
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path / "it is gone.jsonl")], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as starter:  # fmt: skip
        try:
            assert starter.stdout is not None
            url, server = starter.stdout.readline().split()
            page = urllib.request.urlopen(url).read().decode()
            assert "it is gone.jsonl: no such file" in page
            # No page is connected to the kernel: it ends.
            stay = sorted([starter.pid, int(server)])
            wait_until(lambda: sorted(left_of(str(temporary))) == stay, "the kernel's end", 60)
        finally:
            starter.kill()
    wait_until(lambda: not left_of(str(temporary)), "the end of every process", 60)
    assert list(temporary.iterdir()) == []


def test_it_says_that_there_is_no_browser_and_that_its_server_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def ended(paths: list[str]) -> Iterator[Served]:
        with subprocess.Popen(["true"]) as process:
            yield Served("http://here", process, tmp_path / "explorer.html")

    monkeypatch.setattr(serve, "served", ended)
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    file = session(tmp_path / "a.jsonl", "s", call("Read"))
    ran = CliRunner().invoke(command, [str(file)])
    assert ran.stdout == "http://here\n"
    assert "no browser was found" in ran.stderr
    assert isinstance(ran.exception, CannotRunError)
    assert "was ended" in str(ran.exception)


@pytest.mark.parametrize("path", ["empty", "nothing.jsonl"])
def test_a_path_without_events_is_one_line(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    ran = subprocess.run([sys.executable, "-m", "ampmetrics", "explore", str(tmp_path / path)],
                         capture_output=True, text=True)  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) == 1
    assert path in ran.stderr


def test_without_a_host_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("voila", "jupyterlab"):
        monkeypatch.setitem(sys.modules, name, None)
    ran = CliRunner().invoke(command, [str(session(tmp_path / "a.jsonl", "s", call("Read")))])
    assert ran.stdout == ""
    assert isinstance(ran.exception, CannotRunError)
    assert str(ran.exception).endswith("pip install 'ampmetrics[explore]'")
