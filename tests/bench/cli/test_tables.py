"""Metrics and formats by name on the command line."""

import pytest
from typer.testing import CliRunner

from bench import cli
from bench.results import save_result


@pytest.fixture
def workspace(tmp_path, make_run):
    """One finished run of one case."""
    run = make_run("made", dataset="tiny", dataset_fingerprint="ffff", tpr=[0.25])
    save_result(tmp_path / "runs" / "tiny-ffff" / "made-k" / "results" / "paper" / "run.json", run)
    return str(tmp_path)


def invoke(*arguments):
    return CliRunner().invoke(cli.app, list(arguments))


@pytest.mark.parametrize("format", ["rich", "markdown", "latex", "html", "csv", "json"])
def test_every_format(workspace, format):
    shown = invoke("leaderboard", "--workspace", workspace, "--metric", "tpr", "--format", format)
    assert shown.exit_code == 0 and "0.25" in shown.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("leaderboard", "--format", "jsn"), "There is no format 'jsn', did you mean 'json'?"),
        (("leaderboard", "--metric", "tprr"), "There is no metric 'tprr', did you mean 'tpr'?"),
        (("evaluate", "--metric", "medpy_asd_mm"), "There is no metric 'medpy_asd_mm', did you mean 'medpy_assd_mm'?"),
    ],
)
def test_unknown_names_are_answered(workspace, arguments, sentence):
    shown = invoke(*arguments, "--workspace", workspace)
    assert shown.exit_code == 2 and sentence in shown.output


def test_a_report_of_results_alone_says_what_it_lacks(workspace, tmp_path):
    shown = invoke("report", str(tmp_path / "site"), "--workspace", workspace, "--metric", "tpr")
    assert shown.exit_code == 0, shown.output
    page = (tmp_path / "site" / "board-tiny-ffff.html").read_text(encoding="utf-8")
    assert "0.25" in page and "Cases cannot be shown: their images and maps are not in this workspace." in page


@pytest.mark.parametrize("separator", ["", ";;", "a", "."])
def test_what_cannot_part_columns_is_refused(workspace, separator):
    shown = invoke("leaderboard", "--workspace", workspace, "--format", "csv", "--separator", separator)
    assert shown.exit_code == 2 and "cannot part columns" in shown.output


def test_metrics_are_listed():
    lines = invoke("metrics").output.splitlines()
    assert lines[0].startswith("hd99_vox ") and "lower is better" in lines[0] and "--metric" not in lines[0]
    (assd,) = [line for line in lines if line.startswith("medpy_assd_mm")]
    assert assd.endswith("(with --metric)")
