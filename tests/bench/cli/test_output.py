"""--quiet, --verbose, and the log file of a command."""

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import bench.runs.datasets
from bench import cli
from bench.contributing.contract import tiny_dataset
from bench.files import save_nifti
from bench.reporting import LOG
from bench.runs.tracking import Tracker


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: tiny_dataset())
    monkeypatch.setattr(Tracker, "log", lambda tracker, run, folder: None)
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr("sys.argv", ["bench", "run", "typed here"])


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [*arguments])


def run(*arguments):
    return invoke("run", "--method", "random", "--threads", "1", "--workers", "1", *arguments)


def logs(tmp_path):
    return sorted((tmp_path / "workspace" / "logs").glob("*"))


def test_the_log_holds_what_was_said(tmp_path):
    shown = run()
    assert shown.exit_code == 0, shown.output
    (log,) = logs(tmp_path)
    assert log.name.endswith("-run.log")
    text = log.read_text(encoding="utf-8")
    assert "bench run 'typed here'" in text and "\x1b" not in text
    messages = [line for line in shown.output.splitlines() if "random: evaluating" in line or "methods 1/1" in line]
    assert len(messages) >= 2
    for line in messages:
        assert line.rpartition(",")[0] in text  # times may differ by a tenth
    assert "2/2" in text.split("table\n")[1] and text.rstrip().endswith("done")
    assert not LOG.handlers


def test_quiet_shows_the_result_alone_and_logs_all(tmp_path):
    shown = run("--quiet")
    assert shown.exit_code == 0 and "evaluating" not in shown.output and "2/2" in shown.output
    (log,) = logs(tmp_path)
    assert "evaluating 2/2" in log.read_text(encoding="utf-8")


def test_tracebacks_are_in_the_log_and_shown_when_verbose(tmp_path, monkeypatch):
    def broken(self, case):
        raise ZeroDivisionError("at the third voxel")

    monkeypatch.setattr("methods.random.Random.score", broken)
    brief, verbose = run(), run("--verbose")
    assert brief.exit_code == verbose.exit_code == 1
    assert "ZeroDivisionError: at the third voxel" in brief.output and "Traceback" not in brief.output
    assert "Traceback" in verbose.stderr and "in broken" in verbose.stderr
    assert "settings {" in verbose.stderr and "evaluating" not in verbose.stderr
    text = "".join(log.read_text(encoding="utf-8") for log in logs(tmp_path))
    assert text.count("in broken") >= 2 and "ended with exit code 1" in text


def test_a_mistake_of_ours_is_in_the_log(tmp_path, monkeypatch):
    def broken(*arguments):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("bench.runs.run.folder_of", broken)
    shown = run("--verbose")
    assert shown.exit_code == 1 and "failed unexpectedly" in shown.output and "in broken" in shown.stderr
    (log,) = logs(tmp_path)
    assert "in broken" in log.read_text(encoding="utf-8")


def test_reading_and_slips_leave_no_log(tmp_path):
    assert run().exit_code == 0
    assert invoke("leaderboard").exit_code == 0 and invoke("boards").exit_code == 0
    assert run("--set", "nothing=1").exit_code == 2
    both = run("--quiet", "--verbose")
    assert both.exit_code == 2 and "exclude each other" in both.output
    assert len(logs(tmp_path)) == 1
    assert invoke("evaluate", "--workspace", str(tmp_path / "typo")).exit_code == 2
    assert not (tmp_path / "typo").exists()


LISTING = {"leaderboard", "boards", "compare", "methods", "datasets", "metrics", "protocols", "new-method"}
QUICK_MODELS = {"models show", "models pull", "models push"}


def test_every_command_that_works_for_more_than_a_moment_can_be_quiet_and_loud():
    found = {}
    commands: dict = vars(get_command(cli.app))["commands"]
    for name, one in commands.items():
        for inner, other in getattr(one, "commands", {"": one}).items():
            options = {option for parameter in other.params for option in parameter.opts}
            found[f"{name} {inner}".strip()] = {"--quiet", "--verbose", "--workspace"} <= options
    assert {name for name, has in found.items() if not has} == LISTING | QUICK_MODELS


def test_commands_that_show_runs_have_logs(tmp_path):
    assert run().exit_code == 0
    shown = invoke("figure", str(tmp_path / "picture"), "--kind", "metrics", "--quiet")
    assert shown.exit_code == 0 and shown.output.count("\n") == shown.output.count("wrote ") == 3
    assert invoke("figure", str(tmp_path / "all"), "--kind", "all").exit_code == 0
    loud = invoke("report", str(tmp_path / "pages"))
    assert loud.exit_code == 0 and "gathering boards 1/1" in loud.output
    quiet = invoke("report", str(tmp_path / "pages"), "--quiet")
    assert quiet.exit_code == 0 and quiet.output.startswith("wrote ") and quiet.output.count("\n") == 1
    assert invoke("results", "verify", "--quiet").output == "1 sound, 0 refused\n"
    texts = {}
    for log in logs(tmp_path):
        texts.setdefault(log.name.split("-", 2)[2], "")
        texts[log.name.split("-", 2)[2]] += log.read_text(encoding="utf-8")
    assert texts.keys() == {"run.log", "figure.log", "report.log", "results-verify.log"}
    assert texts["report.log"].count("gathering boards 1/1") == 2
    assert "is left out: " in texts["figure.log"] and "1 sound, 0 refused" in texts["results-verify.log"]


def test_lesions_put_into_scans_leave_a_log(tmp_path):
    healthy = tmp_path / "healthy"
    volume = np.zeros((32, 32, 32), np.float32)
    volume[4:28, 4:28, 4:28] = np.random.default_rng(0).uniform(50, 100, (24, 24, 24))
    save_nifti(healthy / "sub-1" / "anat" / "sub-1_T1w.nii.gz", volume, np.diag([5.0, 5.0, 5.0, 1.0]))
    shown = invoke("simulate-lesions", str(healthy), str(tmp_path / "out"), "--quiet")
    assert shown.exit_code == 0 and shown.output.count("\n") == 1, shown.output
    (log,) = logs(tmp_path)
    assert log.name.endswith("-simulate-lesions.log") and "1/1" in log.read_text(encoding="utf-8")


def test_evaluate_has_a_log(tmp_path):
    assert run().exit_code == 0
    assert invoke("evaluate", "--protocol", "authors-code", "--workers", "1", "--quiet").exit_code == 0
    assert [log.name.split("-")[-1] for log in logs(tmp_path)].count("evaluate.log") == 1


def test_a_log_that_cannot_be_written_costs_a_sentence_alone(tmp_path):
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "logs").write_text("a file")
    shown = run()
    assert shown.exit_code == 0 and "2/2" in shown.output
    assert shown.stderr.count("No log is kept: ") == 1 and "logs is a file" in shown.stderr
