"""The report in a real browser: nothing is loaded, nothing hostile runs, everything is drawn."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from hostile import IMAGE, SCRIPT, write_hostile_run, write_many_trials
from playwright.sync_api import Browser, Page, sync_playwright

from ampmetrics import reports
from ampmetrics.errors import CannotRunError
from ampmetrics.reports.pdf import chromium
from ampmetrics.theme import SHADES

LAUNCH = ("--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking")


@dataclass
class Opened:
    """A page, and what it asked for and complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """requests that the page's own policy stopped"""
    complaints: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).first.inner_text())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        path = chromium()
    except CannotRunError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(LAUNCH))
        yield started
        started.close()


@pytest.fixture
def show(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Opens a file offline, waits until its charts are drawn, and notes all that it does."""
    contexts = []

    def opened(
        path: Path, *, width: int = 1200, colours: str = "light", touch: bool = False
    ) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=colours, offline=True,
            has_touch=touch, is_mobile=touch,
        )  # fmt: skip
        contexts.append(context)
        shown = Opened(context.new_page())
        shown.page.on("request", lambda request: shown.requests.append(request.url))
        shown.page.on(
            "requestfailed",
            lambda request: shown.refused.append(request.url) if request.failure == "csp" else None,
        )
        shown.page.on("console", lambda message: shown.complaints.append(message.text))
        shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        shown.page.goto(path.as_uri())
        # Not wait_for_function: it needs an eval, which the page forbids.
        shown.page.wait_for_selector("html[data-drawn]", timeout=60_000)
        return shown

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def page(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reports.build_report(sample_run, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write_hostile_run(folder)
    return reports.build_report(folder, folder / "report.html", parameters={"title": SCRIPT})


def test_it_opens_offline_from_a_file_and_draws_every_chart(
    show: Callable[..., Opened], page: Path
) -> None:
    shown = show(page)
    assert shown.requests == [page.as_uri()]
    assert shown.complaints == []
    assert shown.page.locator("figure.chart").count() == 11
    assert shown.page.locator("figure.chart svg .role-mark path").count() > 100
    assert shown.page.locator(".broken").count() == 0
    for figure in shown.page.locator("figure.chart").all():
        assert figure.locator(".vis").get_attribute("aria-label")
        assert figure.locator("h3").inner_text()


def test_a_run_without_a_verdict_is_drawn_without_a_complaint(
    show: Callable[..., Opened], tmp_path: Path
) -> None:
    ids = '"timestamp":"2026-01-01T00:00:00Z","runId":"r","caseId":"c","variant":"v","trial":1'
    lines = (f'{{"type":"trial_{word}",{ids},"data":{data}}}\n' for word, data in
             (("start", "{}"), ("end", '{"outcome":"no_verdict"}')))  # fmt: skip
    (tmp_path / "c.jsonl").write_text("".join(lines))
    shown = show(reports.build_report(tmp_path, tmp_path / "report.html"))
    assert shown.complaints == []
    assert "v has no verdict." in shown.text(".am-lead")
    assert shown.page.locator(".broken").count() == 0


def test_hostile_names_are_words_and_nothing_more(
    show: Callable[..., Opened], hostile_page: Path
) -> None:
    shown = show(hostile_page)
    assert shown.requests == [hostile_page.as_uri()]
    assert shown.complaints == []
    assert shown.page.evaluate("window.pwned") is None
    assert shown.page.title() == SCRIPT
    assert shown.text("h1") == SCRIPT
    assert shown.page.locator("figure.chart svg").count() == 12
    assert shown.page.locator("main img, main iframe").count() == 0
    assert shown.page.locator("main script:not([type='application/json'])").count() == 0
    assert "{{ 7 * 7 }}" in shown.text("main")


@pytest.mark.parametrize("width", [390, 800, 1400])
def test_nothing_is_wider_than_the_screen(
    show: Callable[..., Opened], page: Path, hostile_page: Path, width: int
) -> None:
    for path in (page, hostile_page):
        shown = show(path, width=width)
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        took = shown.page.locator(".am-took").first
        assert took.evaluate(
            "(cell) => { cell.textContent = '59 m 59 s, outcome unknown';"
            " return cell.scrollWidth <= cell.clientWidth; }"
        )
        outside = shown.page.evaluate(
            """() => [...document.querySelectorAll("figure.chart")].filter((figure) => {
              const right = figure.querySelector("svg").getBoundingClientRect().right;
              return right > figure.getBoundingClientRect().right + 1;
            }).length"""
        )
        assert outside == 0


def test_the_policy_stops_a_script_that_a_notebook_shows(
    show: Callable[..., Opened], sample_run: Path, tmp_path: Path
) -> None:
    # A cell may claim to be one of our blocks and hand over raw HTML: the browser still refuses.
    source = (
        "from IPython.display import display\n"
        f"bad = {SCRIPT + IMAGE!r} + '<img src=\"https://example.org/x.png\">'\n"
        "display({'text/html': bad}, raw=True, metadata={'ampmetrics': {}})\n"
        "import altair as alt, polars as pl, ampmetrics as am\n"
        "am.theme.enable()\n"
        "display(alt.Chart(pl.DataFrame({'x': [1, 2]})).mark_bar().encode(x='x:Q', y='x:N'))"
    )
    node = nbformat.v4.new_notebook()
    node.cells = [nbformat.v4.new_code_cell("paths: list = []"), nbformat.v4.new_code_cell(source)]
    node.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(node, tmp_path / "bad.ipynb")
    built = reports.build_report(sample_run, tmp_path / "bad.html", notebook=tmp_path / "bad.ipynb")
    shown = show(built)
    assert "window.pwned = 1" in built.read_text()
    assert shown.page.evaluate("window.pwned") is None
    assert set(shown.requests) - {built.as_uri()} == set(shown.refused)
    assert "https://example.org/x.png" in shown.refused
    # Its height is in steps, which Vega would complain of in a page that stretches it.
    box, card = (shown.page.locator(f"figure.chart{part}").bounding_box() for part in (" svg", ""))
    assert box is not None
    assert card is not None
    assert card["width"] - 50 <= box["width"] <= card["width"]
    assert all("Content Security Policy" in complaint for complaint in shown.complaints)


@pytest.mark.parametrize(
    ("body", "dark"),
    [
        ('data-jp-theme-light="true"', False),
        ('data-jp-theme-light="false"', True),
        ('class="vscode-light"', False),
        ('class="vscode-dark"', True),
        ('class="vscode-high-contrast"', True),
        ('class="vscode-high-contrast vscode-high-contrast-light"', False),
    ],
)
def test_a_block_in_a_notebook_has_the_colours_of_its_editor(
    browser: Browser, body: str, dark: bool
) -> None:
    data, _ = reports.headline("No trial passed", title="Report")._repr_mimebundle_()
    page = browser.new_page()
    page.set_content(f"<html><body {body}>{data['text/html']}</body></html>")
    shown = page.locator("text=No trial passed").evaluate("e => getComputedStyle(e).color")
    page.close()
    ink = SHADES["ink"].dark if dark else SHADES["ink"].light
    assert shown == f"rgb{tuple(bytes.fromhex(ink[1:]))}"


def test_dark_and_light_follow_the_system_and_the_button(
    show: Callable[..., Opened], page: Path
) -> None:
    def ground(shown: Opened) -> str:
        return str(shown.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    def label(shown: Opened) -> str:
        script = "getComputedStyle(document.querySelector('.role-axis-label text')).fill"
        return str(shown.page.evaluate(script))

    light, dark = show(page), show(page, colours="dark")
    assert ground(light) != ground(dark)
    assert label(light) != label(dark)
    dark.page.click("#_theme")
    assert dark.text("#_theme") == "Theme: light"
    assert (ground(dark), label(dark)) == (ground(light), label(light))
    light.page.click("#_theme")
    light.page.click("#_theme")
    assert light.text("#_theme") == "Theme: dark"
    assert ground(light) != ground(dark)


def test_a_table_sorts_by_value_with_unknown_last(show: Callable[..., Opened], page: Path) -> None:
    shown = show(page)
    table = shown.page.locator(".am-table", has=shown.page.get_by_text("One row a trial"))
    head = table.locator("th", has_text="Cost")
    costs = "td:nth-child(6)"
    for direction in ("ascending", "descending"):
        head.locator(".sort").press("Enter")
        assert head.get_attribute("aria-sort") == direction
        texts = [text.strip() for text in table.locator(costs).all_inner_texts()]
        assert texts[-1] == "—"
        assert any(text.startswith("≥ ") for text in texts)
        numbers = [float(text.removeprefix("≥ ").removeprefix("$")) for text in texts[:-1]]
        assert numbers == sorted(numbers, reverse=direction == "descending")


def test_a_long_table_is_short_until_asked(show: Callable[..., Opened], hostile_page: Path) -> None:
    shown = show(hostile_page)
    folded = shown.page.locator("details.am-fold").first
    assert folded.get_attribute("open") is None
    folded.locator("summary").click()
    assert folded.get_attribute("open") is not None


def test_the_code_is_one_click_away(show: Callable[..., Opened], page: Path) -> None:
    shown = show(page)
    code = shown.page.locator("details.code").first
    assert not code.is_visible()
    shown.page.click("#_code")
    assert "paths: list = []" in code.inner_text()
    shown.page.click("#_code")
    assert not code.is_visible()


def test_charts_answer_the_pointer(show: Callable[..., Opened], page: Path) -> None:
    shown = show(page)
    grid = shown.page.locator("figure.chart", has_text="Every trial")
    tile = grid.locator(".role-mark path").first
    tile.scroll_into_view_if_needed()
    tile.hover(force=True)
    shown.page.wait_for_selector("#vg-tooltip-element.visible")
    assert "Agent's time" in shown.text("#vg-tooltip-element")
    scatter = shown.page.locator("figure.chart", has_text="What a trial takes")
    scatter.scroll_into_view_if_needed()
    box = scatter.locator("svg").bounding_box()
    assert box is not None
    assert "15 trials, 11 passed" in scatter.inner_text()
    shown.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.3)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9, steps=5)
    shown.page.mouse.up()
    # How long a trial takes differs; the dearest one is above the marked area wherever it runs.
    scatter.get_by_text(re.compile(r"^(1 trial|([2-9]|1[0-4]) trials), \d+ passed")).wait_for()


def test_it_prints_in_light_colours_with_every_row(show: Callable[..., Opened], page: Path) -> None:
    shown = show(page, colours="dark")
    assert shown.page.pdf().startswith(b"%PDF")
    shown.page.emulate_media(media="print")
    assert not shown.page.locator("aside").is_visible()
    ink = shown.page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    assert sum(int(part) for part in ink.strip("rgb()").split(",")) < 200
    assert shown.page.locator("tr.rest").count() >= 5
    assert shown.page.locator("tr.rest").first.is_visible()
    for folded in (".am-chosen .am-diff pre", ".am-chosen .am-text pre", ".am-log h4"):
        text = shown.page.locator(folded).first
        assert text.evaluate("(each) => each.checkVisibility()"), folded
    said = "(head) => getComputedStyle(head, '::after').content"
    heads, logs = shown.page.locator(".am-log h4"), shown.page.locator(".am-log pre")
    assert "on paper its last 15 lines" in heads.first.evaluate(said)
    line = "(pre) => pre.clientHeight / parseFloat(getComputedStyle(pre).lineHeight)"
    assert 1 <= round(max(log.evaluate(line) for log in logs.all())) <= 15
    assert logs.first.evaluate(END)


END = """(pre) => {
  const range = document.createRange();
  range.selectNodeContents(pre);
  return range.getBoundingClientRect().bottom <= pre.getBoundingClientRect().bottom;
}"""
"""Whether the last line of a text is seen."""


def test_a_log_unfolds_at_its_end(show: Callable[..., Opened], page: Path) -> None:
    shown = show(page)
    log = shown.page.locator(".am-log").first
    log.locator("summary").click()
    text = log.locator("pre").first
    assert text.evaluate("(pre) => pre.scrollHeight > pre.clientHeight")
    assert text.evaluate(END)


def test_a_phone_has_room_and_answers_taps(show: Callable[..., Opened], page: Path) -> None:
    shown = show(page, width=390, touch=True)
    shown.page.locator(".contents summary").tap()
    boxes = [link.bounding_box() for link in shown.page.locator(".contents a").all()]
    assert max(box["height"] for box in boxes) < 40  # one line, at most two
    assert max(box["x"] + box["width"] for box in boxes) > 340
    table = shown.page.locator(".am-table[data-filter]")
    assert table.locator("thead").bounding_box()["height"] < 40
    edge = "(table) => getComputedStyle(table).backgroundImage"
    assert "gradient" in table.locator(".am-scroll").evaluate(edge)
    grid = shown.page.locator("figure.chart", has_text="Every trial")
    said = shown.page.locator("#vg-tooltip-element.visible")
    for tile in (0, 3):
        grid.locator(".role-mark path").nth(tile).tap(force=True)
        said.wait_for()
        assert "Agent's time" in said.inner_text()
    grid.locator("h3").tap()
    assert said.count() == 0
    shown.page.emulate_media(media="print")
    assert table.locator(".am-scroll").evaluate(edge) == "none"


def test_contents_lead_to_every_section(show: Callable[..., Opened], page: Path) -> None:
    shown = show(page)
    links = shown.page.locator(".contents a")
    assert links.count() == 12
    for link in links.all():
        target = str(link.get_attribute("href"))
        assert shown.page.locator(f"[id='{target[1:]}']").count() == 1
    links.last.click()
    shown.page.wait_for_selector(".contents a.here")


def test_the_trials_are_searched_and_filtered(show: Callable[..., Opened], page: Path) -> None:
    shown = show(page)
    table = shown.page.locator(".am-table[data-filter]")
    rows, count = table.locator("tbody tr:visible"), table.locator("output")
    assert count.inner_text() == "16 rows"
    table.locator("select[aria-label=Variant]").select_option("low")
    assert (rows.count(), count.inner_text()) == (8, "8 of 16 rows")
    table.locator("input").fill("FIX-ROUND")
    assert (rows.count(), count.inner_text()) == (1, "1 of 16 rows")
    assert "fix-rounding" in rows.first.inner_text()
    table.locator("input").fill("nothing is called so")
    assert rows.count() == 0
    table.locator("input").fill("")
    table.locator("select[aria-label=Variant]").select_option("")
    assert rows.count() == 16


def test_a_choice_is_of_names_and_amounts_in_words_sort(
    show: Callable[..., Opened], tmp_path: Path
) -> None:
    cell = """
import polars as pl
from ampmetrics import reports
n = range(10)
frame = pl.DataFrame({
    "begun": ["2026-01-02 03:04", "2026-01-03 03:04"] * 5, "agent": ["claude", "codex"] * 5,
    "asked": [f"do {i}" for i in n], "passed": [f"{i} of {i + 3}" for i in reversed(n)],
})
reports.table(frame, filterable=True)
"""
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbformat.write(node, tmp_path / "small.ipynb")
    shown = show(
        reports.build_report([], tmp_path / "small.html", notebook=tmp_path / "small.ipynb")
    )
    choices = shown.page.locator("select")
    assert [each.get_attribute("aria-label") for each in choices.all()] == ["Agent"]
    shown.page.locator("th .sort", has_text="Passed").click()
    last = shown.page.locator("td:last-child")
    assert last.all_inner_texts() == [f"{i} of {i + 3}" for i in range(10)]
    assert last.first.evaluate("(cell) => getComputedStyle(cell).textAlign") == "right"


def test_any_trial_is_chosen(show: Callable[..., Opened], page: Path, hostile_page: Path) -> None:
    shown = show(page)
    shown.page.wait_for_selector(".am-chooser[data-ready='16']")
    chooser = shown.page.locator(".am-chooser")
    before = chooser.locator(".am-chosen").inner_text()
    assert "1 of 16" in chooser.inner_text()
    chooser.locator("select").select_option("redact-secrets · high · 1 · failed")
    after = chooser.locator(".am-chosen").inner_text()
    assert after != before
    assert "bin/redact" in after
    first = chooser.locator("details.am-diff").first
    first.locator("summary").click()
    assert first.locator("ins").first.inner_text().startswith("+")
    chooser.get_by_label("The next one").click()
    assert chooser.locator(".am-chosen").inner_text() != after
    chooser.get_by_role("searchbox").fill("rounding low")
    assert "1 of 1" in chooser.inner_text()
    # Whatever is unpacked, nothing in it comes to life.
    bad = show(hostile_page)
    bad.page.wait_for_selector(".am-chooser[data-ready='16']")
    for _ in range(16):
        bad.page.locator(".am-chooser").get_by_label("The next one").click()
    assert bad.page.evaluate("window.pwned") is None
    assert bad.page.locator("main img").count() == 0
    assert bad.complaints == []


def test_a_thousand_trials_fit_into_one_page(show: Callable[..., Opened], tmp_path: Path) -> None:
    write_many_trials(tmp_path / "many.jsonl", cases=125, repeats=4)
    built = reports.build_report(tmp_path, tmp_path / "report.html")
    assert built.stat().st_size < 1_500_000
    shown = show(built)
    assert shown.requests == [built.as_uri()]
    assert shown.complaints == []
    table = shown.page.locator(".am-table[data-filter]")
    assert table.locator("tbody tr").count() == 1000
    table.locator("input").fill("case-077")
    assert table.locator("tbody tr:visible").count() == 8
    shown.page.wait_for_selector(".am-chooser[data-ready]")
    shown.page.emulate_media(media="print")
    sheet = 269 / 25.4 * 96  # px of an A4 page within its margins
    heights = shown.page.locator("figure.chart, .am-few").evaluate_all(
        "(all) => all.map((each) => each.getBoundingClientRect().height)"
    )
    assert max(heights) < sheet


def test_a_report_is_printed_as_pdf(browser: Browser, sample_run: Path, tmp_path: Path) -> None:
    cell = "import ampmetrics as am, altair as alt, polars as pl\nam.theme.enable()\n"
    cell += "alt.Chart(pl.DataFrame({'x': [1]})).mark_bar().encode(x='x:Q')"
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbformat.write(node, tmp_path / "small.ipynb")
    made = reports.build_report(
        [], tmp_path / "small.pdf", notebook=tmp_path / "small.ipynb", form="pdf"
    )
    assert made.read_bytes().startswith(b"%PDF")
    assert {path.name for path in tmp_path.iterdir()} == {"small.ipynb", "small.pdf"}
