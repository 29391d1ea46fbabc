"""The example's report, opened from disk in a real browser."""

import dataclasses
import json
import os
import shutil
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
import yaml

from breedcast.files import read_parquet, read_table
from breedcast.job_settings import JobSettings
from breedcast.project import Project
from breedcast.report.collect import collect
from breedcast.report.page import render

#: Debian's programs: Firefox is driven by its BiDi protocol, since Playwright brings no browser.
BROWSERS = {"chromium": ["chromium", "chromium-browser"], "firefox": ["firefox-esr", "firefox"]}
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
HOSTILE = ["<img src=x onerror=alert(1)>", "=1+1", "-5", 'a "b", c', "小麦 🌾", "L" * 300, "007"]


@pytest.fixture(scope="module", params=BROWSERS)
def browser(request):
    from playwright.sync_api import Error, sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS[request.param])), None)
    if program is None and "CI" not in os.environ:
        pytest.skip(f"NO BROWSER: install {request.param} to test the report as people see it")
    with sync_playwright() as playwright:
        try:
            if request.param == "chromium":
                launched = playwright.chromium.launch(executable_path=program, args=QUIET)
            else:
                launched = playwright.firefox.launch(executable_path=program, channel="moz-firefox")
            launched.new_page().close()
        except Error as error:  # as of a Firefox before 143
            if "CI" in os.environ:
                raise
            pytest.skip(f"NO BROWSER: this Playwright cannot drive this {request.param}: {error}")
        yield launched
        launched.close()


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def look(request):
    """Width of the window in pixels, and colour scheme."""
    return request.param


@pytest.fixture
def open_page(browser, look):
    """A function that opens a file; no page may have errors or ask for another address."""
    width, scheme = look
    pages, faults, asked = [], [], []

    def open_file(path):
        opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("console", lambda it: faults.append(it.text) if it.type == "error" else None)
        opened.on("dialog", lambda dialog: faults.append(dialog.message))
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(path.as_uri())
        pages.append(opened)
        return opened

    yield open_file
    assert faults == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    for opened in pages:
        opened.close()


@pytest.fixture
def page(open_page, example):
    return open_page(example.folder / "results" / "report.html")


#: Has the page keep what it gives to be saved: the file's name and its text.
KEEP_SAVED = """() => {
  HTMLAnchorElement.prototype.click = function () {
    fetch(this.href)
      .then((file) => file.text())
      .then((text) => { window.saved = [this.download, text]; });
  };
}"""


def saved(page, button, folder):
    """The file that a click on the button saves.

    Playwright is told of no download by Firefox: there the file is what the page gives to be saved.
    """
    if page.context.browser.browser_type.name == "firefox":
        page.evaluate(KEEP_SAVED)
        button.click()
        name, text = page.wait_for_function("window.saved").json_value()
        path = folder / name
        path.write_bytes(text.encode())
        return path
    with page.expect_download() as download:
        button.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def choose_trait(page, trait):
    page.get_by_role("combobox", name="Trait", exact=True).select_option(label=trait)


def test_every_chart_is_drawn_and_nothing_sticks_out(page, look):
    choose_trait(page, "all traits")
    charts = page.locator(".chart")
    assert charts.count() == 3 * 6 + 3  # a trait's; ranks, structure and steps
    for number in range(charts.count()):
        charts.nth(number).scroll_into_view_if_needed()
        charts.nth(number).locator("svg").wait_for()
        assert charts.nth(number).locator("svg path").count() > 10
    width, scheme = look
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("BREEDCAST_SCREENSHOTS"):
        choose_trait(page, "yield")
        page.evaluate("scrollTo(0, 0)")
        name = page.context.browser.browser_type.name
        page.screenshot(path=Path(folder) / f"report-{name}-{width}-{scheme}.png", full_page=True)


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
    closed.first.scroll_into_view_if_needed()
    closed.first.click()
    page.wait_for_function(
        "before => document.querySelectorAll('details:not([open])').length === before - 1",
        arg=before,
    )


def test_one_trait_is_shown_until_another_is_chosen(page):
    shown = page.locator("section[data-trait] h2")
    assert shown.locator("visible=true").all_inner_texts() == ["yield"]
    choose_trait(page, "height")
    assert shown.locator("visible=true").all_inner_texts() == ["height"]
    assert page.locator("article:visible h3").all_inner_texts() == ["height"]
    page.evaluate("location.hash = 'trait-3'")
    page.locator("#trait-3").wait_for()
    assert shown.locator("visible=true").all_inner_texts() == ["disease"]


def test_keys_alone_choose_a_trait_open_a_section_and_scroll_a_table(page):
    page.keyboard.press("Tab")
    chooser = page.get_by_role("combobox", name="Trait", exact=True)
    assert chooser.evaluate("it => it === document.activeElement")
    assert chooser.evaluate("it => getComputedStyle(it).outlineStyle") != "none"
    page.keyboard.press("ArrowDown")
    second = chooser.locator("option").nth(1).inner_text()
    section = page.locator("section[data-trait]").locator("visible=true")
    assert section.locator("h2").all_inner_texts() == [second]
    closed = section.locator("details:not([open]) > summary").first.element_handle()
    closed.focus()
    page.keyboard.press("Enter")
    assert closed.evaluate("it => it.parentElement.open")
    table = section.locator(f".scroll:has(table[data-file={second}_candidates])")
    table.focus()
    page.keyboard.press("End")
    page.wait_for_function("it => it.scrollTop > 0", arg=table.element_handle())


def test_a_marker_tells_its_name(page, example):
    chart = page.locator("#manhattan-yield")
    chart.scroll_into_view_if_needed()
    chart.locator(".mark-symbol path").first.hover(force=True)
    told = page.locator("#vg-tooltip-element.visible tr", has_text="id")
    scan = read_parquet(example.folder / "results" / "yield" / "association.parquet")
    assert told.locator(".value").inner_text() in set(scan["id"])


def test_candidates_are_filtered_sorted_and_saved_as_they_are_shown(page, example, tmp_path):
    table = page.locator("table[data-file=yield_candidates]")
    tools = page.locator(".tools:has(+ .scroll > table[data-file=yield_candidates])")
    tools.get_by_role("combobox", name="Model").select_option("gblup")
    tools.get_by_role("searchbox", name="Line contains").fill("b0")
    heading = table.locator("th").nth(5)
    for order in ("ascending", "descending"):
        heading.get_by_role("button", name="Upper 90 %", exact=True).press("Enter")
        assert heading.get_attribute("aria-sort") == order
    path = saved(page, tools.get_by_role("button", name="Save as CSV"), tmp_path)
    assert path.name == "yield_candidates.csv"
    told = pd.read_csv(path)
    ranked = read_table(example.folder / "results" / "yield" / "candidates.tsv")
    ranked = ranked[(ranked["model"] == "gblup") & ranked["sample"].str.contains("B0")]
    ranked = ranked.sort_values("upper", ascending=False)
    assert told["Line"].tolist() == ranked["sample"].tolist()
    assert table.locator("tbody tr:visible th").all_inner_texts() == told["Line"].tolist()
    for heading, column in {
        **{"Rank": "rank", "Predicted": "predicted", "Lower 90 %": "lower"},
        **{"Genetic value, upper 90 %": "bv_upper", "Reliability": "reliability"},
    }.items():
        assert told[heading].to_numpy() == pytest.approx(ranked[column].to_numpy(), abs=0.006)
    assert f"{len(ranked)} of " in tools.locator("output").inner_text()


def test_what_was_not_looked_at_is_printed_too(page, browser):
    if browser.browser_type.name == "firefox":
        pytest.skip("Playwright prints by Chromium alone")
    charts = page.locator(".chart:visible")
    assert page.locator(".chart:visible:has(svg)").count() < charts.count()
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.locator(".chart:visible:has(svg)").count() == charts.count() == 6 + 3


def test_axe_finds_nothing_serious(page):
    page.evaluate(  # rows are alike, and there are thousands of cells
        "document.querySelectorAll('tbody tr:nth-child(n+5)').forEach((row) => row.remove())"
    )
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert len(found["passes"]) > 20
    serious = [it for it in found["violations"] if it["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.fixture(scope="module")
def snakemakes_report(example, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "all.html"
    made = example.run("--report", path)
    assert made.status == 0, made.output
    return path


def test_snakemakes_report_opens_and_lists_a_traits_figures(open_page, example, snakemakes_report):
    page = open_page(snakemakes_report)
    for choice in ("yield", "Figures"):
        page.get_by_text(choice, exact=True).click()
    listed = page.locator("table tr td:first-child").all_inner_texts()
    drawn = (example.folder / "results" / "yield" / "figures").glob("*.svg")
    assert listed == sorted(figure.stem for figure in drawn)


def test_hostile_names_are_text_on_the_page_and_in_what_is_saved(
    open_page, example, tmp_path, monkeypatch
):
    monkeypatch.chdir(example.folder)
    project = Project.load(yaml.safe_load(Path("config/config.yaml").read_text()))
    settings = json.loads(JobSettings(project).render_report(steps={}))
    settings["traits"] = settings["traits"][:1]
    report = collect(Path("results"), Path(project.config["phenotypes"]["path"]), settings)
    (trait,) = report.traits
    first = trait.candidates["sample"].unique()[: len(HOSTILE)]
    names = dict(zip(first, HOSTILE, strict=True))
    trait = dataclasses.replace(
        trait,
        name="<b>yield</b>",
        candidates=trait.candidates.replace({"sample": names}),
        phenotypes=trait.phenotypes.replace({"sample": names}),
    )
    structure = report.structure.replace({"sample": names})
    report = dataclasses.replace(report, structure=structure, traits=[trait])
    hostile = tmp_path / "hostile.html"
    hostile.write_text(render(report), encoding="utf-8")
    page = open_page(hostile)
    assert page.locator("h2", has_text="<b>yield</b>").count() == 1
    table = page.locator("table[data-file=yield_candidates]")
    assert set(HOSTILE) <= set(table.locator("tbody tr:visible th").all_inner_texts())
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    button = page.locator(".tools:has(+ .scroll > table[data-file=yield_candidates]) button")
    told = pd.read_csv(saved(page, button, tmp_path), dtype={"Line": str}, keep_default_na=False)
    harmless = {name: f"'{name}" if name[0] in "=-" else name for name in HOSTILE}
    assert set(harmless.values()) <= set(told["Line"])
    assert pd.to_numeric(told["Predicted"]).notna().all()
