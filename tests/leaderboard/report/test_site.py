"""Pages on disk, and what they do in a browser."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench.errors import BenchError
from leaderboard.report.content import Report
from leaderboard.report.site import write_report

VOID = {"meta", "link", "input", "br", "img"}


class Reader(HTMLParser):
    """Links, ids, and whether tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open_tags.append(tag)
        self.links += [value for name, value in attrs if name == "href" and tag == "a"]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert reader.open_tags == []
    assert len(reader.ids) == len(set(reader.ids))
    return reader


def test_pages_are_well_formed_and_their_links_lead_somewhere(site: Path) -> None:
    pages = {path.name: read(path) for path in site.glob("*.html")}
    assert {"board-phantom-01234567.html", "method-ae.html", "case-phantom-01234567-sub-0.html"} <= set(pages)
    for page in pages.values():
        for link in page.links:
            name, _, part = link.partition("#")
            assert name in pages or (not name and part in page.ids), link


def test_a_single_file_holds_every_page(single: Path) -> None:
    page = read(single)
    assert {link for link in page.links if not link.startswith("#")} == set()
    assert {link[1:] for link in page.links} <= set(page.ids)


def test_nothing_is_fetched(site: Path) -> None:
    for path in site.iterdir():
        for address in re.findall(r"https?://[^\s\"'<)]+", path.read_text(encoding="utf-8")):
            assert address.startswith("http://www.w3.org/")  # names of XML


def test_what_is_an_upper_bound_and_synthetic_is_said(site: Path) -> None:
    text = (site / "board-phantom-01234567.html").read_text(encoding="utf-8")
    for words in ("oracle", "deployable", "synthetic brains", "n = 2", "There is no free-response ROC: no maps."):
        assert words in text
    assert "width of the blur, &lt;in mm&gt;" in (site / "method-ae.html").read_text(encoding="utf-8")


def test_a_folder_of_other_files_is_left_alone(report: Report, tmp_path: Path) -> None:
    (tmp_path / "thesis.html").write_text("mine")
    with pytest.raises(BenchError, match="holds other files"):
        write_report(report, tmp_path)
    with pytest.raises(BenchError, match="is a file"):
        write_report(report, tmp_path / "thesis.html")
    with pytest.raises(BenchError, match="is a folder"):
        write_report(report, tmp_path, single_file=True)
    assert (tmp_path / "thesis.html").read_text() == "mine"


def test_an_earlier_report_is_written_over(report: Report, tmp_path: Path) -> None:
    (tmp_path / "bench-report.json").write_text("{}")
    (tmp_path / "case-gone.html").write_text("old")
    write_report(Report([], [], report.made), tmp_path)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["bench-report.json", "index.html"]


@pytest.fixture(scope="session")
def single(report: Report, tmp_path_factory) -> Path:
    """The report as one file."""
    (path,) = write_report(report, tmp_path_factory.mktemp("single") / "report.html", single_file=True)
    return path


@pytest.fixture
def page(browser):
    """A page whose errors are collected."""
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    yield page
    assert page.problems == []


def names(page) -> list[str]:
    return page.eval_on_selector_all("table.board tbody tr:not([hidden])", "rows => rows.map(row => row.dataset.name)")


def test_tables_sort_and_filter(site: Path, page) -> None:
    page.goto((site / "board-phantom-01234567.html").as_uri())
    assert names(page) == ["spatial-msma", "ae", "zscore"]
    tpr = page.locator("table.board thead tr:nth-child(2) .sort").nth(2)  # the oracle's column of the second metric
    tpr.click()
    assert names(page) == ["spatial-msma", "ae", "zscore"]  # higher is better, so the best come first
    tpr.press("Enter")
    assert names(page) == ["zscore", "ae", "spatial-msma"]
    assert tpr.locator("xpath=..").get_attribute("aria-sort") == "ascending"
    page.locator("table.board thead tr:nth-child(2) .sort").nth(3).click()
    assert names(page)[-1] == "spatial-msma"  # not run under that protocol: last
    page.get_by_label("baselines").uncheck()
    assert "zscore" not in names(page)
    page.get_by_label("Find").fill("AE")
    assert names(page) == ["ae"]
    page.get_by_role("checkbox", name="paper-fpr5@1").uncheck()
    assert page.locator("td.p1:visible").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_the_viewer_draws_and_obeys(site: Path, page) -> None:
    page.goto((site / "case-phantom-01234567-sub-0.html").as_uri())
    page.wait_for_selector("[data-drawn=true]")
    status = page.locator("[data-role=status]")
    assert "threshold 2.250, as scored under paper@1" in status.inner_text()
    drawn = "c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; return d.some(v => v) }"
    canvases = page.locator("canvas")
    assert [canvases.nth(i).evaluate(drawn) for i in range(3)] == [True] * 3
    before = int(page.locator("[data-viewer]").get_attribute("data-voxels"))
    page.locator("[data-role=threshold]").press("Home")
    assert int(page.locator("[data-viewer]").get_attribute("data-voxels")) > before
    page.locator("[data-role=method]").select_option("ae")
    page.wait_for_function("document.querySelector('[data-role=reset]').disabled")  # ae has no threshold of its own
    axial = page.locator("input[data-axis=z]")
    here = axial.input_value()
    page.locator("canvas[data-plane=axial]").press("PageUp")
    assert int(axial.input_value()) == int(here) + 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_single_file_shows_one_page_at_a_time(single: Path, page) -> None:
    page.goto(single.as_uri())
    assert page.locator("article.page:visible").count() == 1
    page.get_by_role("link", name="sub-0", exact=True).first.click()
    page.wait_for_selector("[data-drawn=true]")
    assert page.title() == "sub-0 · bench report"
    assert page.locator("article.page:visible").count() == 1


def test_light_and_dark(site: Path, page) -> None:
    page.goto((site / "index.html").as_uri())
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.locator("#theme").click()
    assert page.evaluate(paper) != light
