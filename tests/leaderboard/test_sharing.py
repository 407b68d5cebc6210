"""What tables leave out and quote, since they are handed on."""

import csv
import io

import pytest

from leaderboard.compare import compare, render_comparison
from leaderboard.figures.froc import as_csv
from leaderboard.format import View
from leaderboard.render import FORMATS, render
from leaderboard.sharing import csv_cell, without_folders
from leaderboard.table import build_table
from metrics.froc import FrocPoint


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/me/my scans/B", "B"),
        ("/data/healthy to learn from, test: /data/patients", "healthy to learn from, test: patients"),
        ("/maps/sub-01.nii.gz has shape (3, 4) at 2/3 of it", "sub-01.nii.gz has shape (3, 4) at 2/3 of it"),
        ("~/scans/B (see https://example.org/a/b)", "B (see https://example.org/a/b)"),
        ("n/N; 5 / 6 mm; a/b/c; 80/10/10, seed 0", "n/N; 5 / 6 mm; a/b/c; 80/10/10, seed 0"),
    ],
)
def test_absolute_paths_are_down_to_their_last_part(text, left):
    assert without_folders(text) == left


@pytest.mark.parametrize(
    ("cell", "quoted"),
    [
        ("=1+1", "'=1+1"),
        ("\t@a", "'\t@a"),
        (" +a", "' +a"),
        ("-x", "'-x"),
        ("-1.5", "-1.5"),
        (-1.5, -1.5),
        ("a=", "a="),
    ],
)
def test_cells_that_spreadsheets_would_run_are_quoted(cell, quoted):
    assert csv_cell(cell) == quoted


def test_no_format_shows_the_folders_of_the_user(make_run):
    about = {"folder": "/home/me/scans", "labels": "/home/me/labels"}
    failed = {"sub-1": "/home/me/maps/sub-1.nii.gz is damaged"}
    runs = [
        make_run("a", tpr=[0.5], of=2, failed_cases=failed, dataset_description=about),
        make_run("b", tpr=[], of=2, status="failed", error="/home/me/x is full", dataset_description=about),
    ]
    for name in FORMATS.all():
        text = render(build_table(runs), name, View(statistics=True, costs=True))
        assert "/home" not in text and "a" in text
    assert "folder: scans" in render(build_table(runs)) and "sub-1.nii.gz is damaged" in render(build_table(runs))


def test_labels_are_quoted_in_every_csv(make_run):
    table = build_table([make_run("=a", tpr=[0.5]), make_run("b", tpr=[0.25])], metrics=["tpr"])
    rows = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    assert [row["label"] for row in rows] == ["'=a", "b"] and rows[0]["tpr_mean"] == "0.5"
    assert render_comparison(compare(table, "=a", "b"), "csv").startswith("case,metric,'=a,b,difference")
    assert "\n'=a,0.5," in as_csv({"=a": [FrocPoint(0.5, 1.0, 2.0)]})


def test_markdown_makes_no_links_of_names(make_run):
    table = build_table([make_run("[a](http://b)", tpr=[0.5])], metrics=["tpr"])
    assert "\\[a\\](http://b)" in render(table, "markdown")
