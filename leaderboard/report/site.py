"""From pages to files: a folder, or one file in which the pages are sections."""

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.files import write_text
from leaderboard.costs import COSTS
from leaderboard.figures.maps import map_colours
from leaderboard.grid import heading, number
from leaderboard.report import pages as content
from leaderboard.report.charts import colour_variables, mark_svg
from leaderboard.report.content import Report

if TYPE_CHECKING:
    from jinja2 import Environment

MARK = "bench-report.json"  # by which a folder is known to be a report, and may be written over


def write_report(report: Report, output: Path, single_file: bool = False) -> list[Path]:
    """Write the report.

    Args:
        report: What it shows.
        output: A folder, new, empty or with an earlier report in it, which is written over; with `single_file` the
            name of an HTML file.
        single_file: All pages in one file.

    Returns:
        The files.

    Raises:
        BenchError: For a folder with other files in it, or a file where a folder is needed.
    """
    check_output(output, single_file)
    environment = _environment(report, single_file)
    pages = list(content.pages(report))
    bodies = [environment.get_template(page.template).render(page.values) for page in pages]
    layout = environment.get_template("layout.html")
    if single_file:
        written = [(output, layout.render(sections=list(zip(pages, bodies, strict=True)), page=pages[0]))]
    else:
        for old in output.glob("*.html"):
            old.unlink()
        written = [
            (output / f"{page.name}.html", layout.render(sections=[(page, body)], page=page))
            for page, body in zip(pages, bodies, strict=True)
        ]
        written.append((output / MARK, json.dumps({"made": report.made}) + "\n"))
    for path, text in written:
        write_text(path, text)
    return [path for path, _ in written]


def check_output(output: Path, single_file: bool) -> None:
    """BenchError for a place that a report may not be written to."""
    if single_file:
        if output.is_dir():
            raise BenchError(f"{output} is a folder: with --single-file name a file, such as {output / 'report.html'}.")
        return
    if output.is_file():
        raise BenchError(f"{output} is a file: name a folder, or add --single-file.")
    if output.is_dir() and any(output.iterdir()) and not (output / MARK).exists():
        raise BenchError(f"{output} holds other files: name a new or empty folder for the report.")


def _environment(report: Report, single_file: bool) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("leaderboard.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def link(name: str) -> str:
        return f"#{name}" if single_file else f"{name}.html"

    environment.globals.update(
        report=report,
        link=link,
        costs=COSTS,
        light=colour_variables(dark=False),
        dark=colour_variables(dark=True),
        style=_static("report.css"),
        scripts=[_static("report.js"), _static("viewer.js")],
        map_colours=json.dumps(map_colours(64)),
        **_functions(),
    )
    return environment


def _functions() -> dict[str, Any]:
    names = ("dataset_page", "method_page", "case_page", "text_of", "interval_text", "cost_text", "case_number")
    return {name: getattr(content, name) for name in names} | {
        "heading": heading,
        "number": number,
        "mark_svg": mark_svg,
    }


def _static(name: str) -> str:
    return resources.files("leaderboard.report").joinpath("static", name).read_text(encoding="utf-8")


def sizes(paths: Sequence[Path]) -> float:
    """Megabytes of the files together."""
    return sum(path.stat().st_size for path in paths) / 1e6
