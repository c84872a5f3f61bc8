"""How long a filter of the explorer takes in a browser, until all is painted.

    python benchmarks/explore_page.py [--events N] [--rounds N]

Wall time in Chromium with Voilà and its kernel on this machine, from a change of a list at the left
until the frame after the last change of the page. Each filter is asked in each view, and set back.
The files are those of `generate.py`, one a session, made in build/bench.
"""

from __future__ import annotations

import argparse
import statistics

from explore import HERE
from generate import generate
from playwright.sync_api import Browser, Page, sync_playwright

from ampmetrics.explorer.serve import served
from ampmetrics.reports.pdf import chromium

LISTS = ("Run", "Case", "Variant", "Ended", "Trial or session")
PICK = """async ([label, at]) => {
    const named = [...document.querySelectorAll(".am-explorer label")];
    const list = named.find((each) => each.textContent.trim() === label)
        .parentElement.querySelector("select");
    const picked = Math.min(at, list.options.length - 1);
    if (list.selectedIndex === picked) return null;
    const began = performance.now();
    let painted = null, changed = began;
    const watch = new MutationObserver(() => {
        changed = performance.now();
        requestAnimationFrame(() => setTimeout(() => { painted = performance.now(); }));
    });
    watch.observe(document.querySelector(".am-explorer"),
                  {subtree: true, childList: true, characterData: true, attributes: true});
    list.selectedIndex = picked;
    list.dispatchEvent(new Event("change", {bubbles: true}));
    while (performance.now() - changed < 1000) await new Promise((done) => setTimeout(done, 50));
    watch.disconnect();
    return painted === null ? null : painted - began;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    path = HERE / f"explore-{options.events}"
    if not path.exists():
        generate(options.events, path, files=True)
    print(f"\n{options.events:,} events\n")
    print("| a filter, in | times | median ms | at most | that was |")
    print("|---|---|---|---|---|")
    with sync_playwright() as playwright, served([str(path)], "voila") as explorer:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        measure(browser, explorer.door.as_uri(), options.rounds)
        browser.close()


def measure(browser: Browser, address: str, rounds: int) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(address)
    page.locator(".am-explorer .am-picture svg.marks").wait_for()
    buttons = page.locator(".am-views button")
    for at, view in enumerate(buttons.all_inner_texts()):
        buttons.nth(at).click()
        page.wait_for_timeout(2000)
        taken = filtered(page, rounds)
        slowest = max(taken, key=lambda each: each[0])
        median = statistics.median(took for took, _ in taken)
        print(f"| {view} | {len(taken)} | {median:,.0f} | {slowest[0]:,.0f} | {slowest[1]} |")


def filtered(page: Page, rounds: int) -> list[tuple[float, str]]:
    """Each list changed and set back; a list of nothing else is not counted."""
    taken = []
    for _ in range(rounds):
        for label in LISTS:
            for at, name in ((2, label), (0, f"{label}, back")):
                took = page.evaluate(PICK, [label, at])
                if took is not None:
                    taken.append((took, name))
    return taken


if __name__ == "__main__":
    main()
