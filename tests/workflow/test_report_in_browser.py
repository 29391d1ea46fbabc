"""The example's report, opened from disk in a real browser."""

import os
import shutil

import pytest

from breedcast.files import read_table

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ,
    reason="NO BROWSER: install chromium to test the report as a person sees it",
)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(params=[(1280, "light"), (400, "dark")], ids=["desktop", "phone"])
def page(browser, request, example):
    width, scheme = request.param
    opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    faults, requests = [], []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    opened.on("request", lambda asked: requests.append(asked.url))
    address = (example.folder / "results" / "report.html").as_uri()
    opened.goto(address)
    yield opened
    assert faults == []
    assert [url for url in requests if url != address and not url.startswith("data:")] == []
    opened.close()


def test_every_chart_is_drawn_and_nothing_sticks_out(page):
    charts = page.locator(".chart")
    assert charts.count() == 3 * 6 + 2  # a trait's; ranks and structure
    for number in range(charts.count()):
        charts.nth(number).scroll_into_view_if_needed()
        charts.nth(number).locator("svg").wait_for()
        assert charts.nth(number).locator("svg path").count() > 10
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_shows_the_tables_numbers(page, example):
    section = page.locator("section", has=page.locator("h2", has_text="yield"))
    rows = section.locator("table").first.locator("tbody tr")
    for number in range(rows.count()):
        model = rows.nth(number).locator("th").inner_text()
        shown = float(rows.nth(number).locator("td").first.inner_text().split()[0])
        scores = read_table(example.folder / "results" / "yield" / model / "scores.tsv")
        mean = scores.loc[scores["metric"] == "pearson", "value"].fillna(0).mean()
        assert shown == pytest.approx(mean, abs=0.0006)
    scored = (example.folder / "results" / "yield").glob("*/scores.tsv")
    assert rows.count() == len(list(scored))


def test_closed_sections_open(page):
    closed = page.locator("details:not([open]) > summary")
    before = closed.count()
    closed.first.click()
    assert page.locator("details:not([open])").count() == before - 1
