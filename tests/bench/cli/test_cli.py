"""The command line: help at once, errors as sentences, exit codes."""

import errno
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bench.runs.datasets
from bench import cli, registry
from bench.contributing.contract import tiny_dataset
from bench.settings import settings_of
from datasets.sources import DATASETS

runner = CliRunner()
ROOT = str(Path(__file__).parents[3])


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: tiny_dataset())
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def invoke(*arguments):
    return runner.invoke(cli.app, list(arguments))


def test_help_imports_nothing_heavy_and_answers_at_once():
    code = (
        "import sys; sys.argv = ['bench', '--help']; from bench.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    )
    code += "print(sorted({'torch', 'numpy', 'pydantic', 'mlflow', 'pandas'} & set(sys.modules)))"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ROOT}
    )
    assert shown.stdout.splitlines()[-1] == "[]"
    assert "simulate-lesions" in shown.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.5  # not wall time: neighbours are busy


def test_version_and_short_help():
    shown = invoke("--version")
    assert shown.exit_code == 0 and re.fullmatch(r"bench \d+\.\d+\.\d+\S* \(\S.*\)\n", shown.output)
    for arguments in ((), ("run",), ("methods",)):
        assert invoke(*arguments, "-h").output == invoke(*arguments, "--help").output
        assert "Usage" in invoke(*arguments, "-h").output


def test_completion_knows_commands_and_options():
    # bash, zsh and fish ask in this way; the words are the line so far.
    def complete(words, position):
        asked = {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(position)}
        return runner.invoke(cli.app, [], prog_name="bench", env=asked).output.split()

    assert complete("bench le", 1) == ["leaderboard"]
    assert "--workers" in complete("bench run --wo", 2)


def test_the_package_is_a_command():
    shown = subprocess.run([sys.executable, "-m", "bench", "-h"], capture_output=True, text=True, cwd=ROOT)
    assert shown.returncode == 0 and "python -m bench" in shown.stdout


def test_lists_import_no_tables():
    code = "import sys; from bench import cli\ntry: cli.app(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "print(sorted({'leaderboard', 'matplotlib', 'mlflow', 'scipy', 'torch'} & set(sys.modules)))"
    listed = subprocess.run([sys.executable, "-c", code, "datasets"], capture_output=True, text=True, cwd=ROOT)
    assert listed.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [("methods",), ("protocols",), ("run", "--method", "zscor")])
def test_what_needs_no_method_imports_none(arguments):
    code = "import sys; from bench import cli\ntry: cli.app(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "print(sorted({'torch', 'monai', 'methods.zscore', 'scipy', 'mlflow'} & set(sys.modules)))"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    shown = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert shown.stdout.splitlines()[-1] == "[]"
    assert "zscore" in shown.stdout + shown.stderr or "authors-code" in shown.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1.5


def test_the_workspace_may_lie_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert invoke("run", "--method", "random", "--workspace", "~/mine").exit_code == 0
    assert len(list(tmp_path.glob("mine/runs/*/random-*/results/paper/run.json"))) == 1
    assert "random" in invoke("leaderboard", "--workspace", "~/mine").output


def test_run_then_leaderboard(tmp_path):
    shown = invoke("run", "--method", "random", "--method", "zscore")
    assert shown.exit_code == 0, shown.output
    assert "zscore" in shown.output and "2/2" in shown.output
    assert str(tmp_path / "workspace") in shown.output and "mlflow.db" in shown.output
    assert "\x1b" not in shown.output
    board = json.loads(invoke("leaderboard", "--format", "json").stdout)
    assert {row["method"]: (row["n"], row["of"]) for row in board["rows"]} == {"random": (2, 2), "zscore": (2, 2)}
    again = invoke("evaluate", "--protocol", "authors-code")
    assert again.exit_code == 0 and "authors-code@2" in again.output


def test_failed_case_gives_exit_code_1(monkeypatch):
    monkeypatch.setattr("methods.random.Random.score", lambda self, case: case.image)
    shown = invoke("run", "--method", "random")
    assert shown.exit_code == 1 and "should have (32, 32, 32)" in shown.output


def test_a_method_that_cannot_run_here_is_no_failure(monkeypatch):
    monkeypatch.setattr("methods.random.Random.skip", lambda self, context: "it needs FLAIR images")
    for command in ("run", "fit"):
        shown = invoke(command, "--method", "random")
        assert shown.exit_code == 0 and "random is skipped: it needs FLAIR images" in shown.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--method", "zscor"), "There is no method 'zscor', did you mean 'zscore'"),
        (("run", "--method", "zscore", "--set", "moments.smooth=1"), "no such setting"),
        (("run", "--method", "zscore", "--protocol", "papr"), 'did you mean "paper"'),
        (("run", "--method", "zscore", "--lesion-load-ml", "-3"), "lesions.lesion_load_ml = -3.0 is wrong"),
        (("run", "--method", "zscore", "--config", "none.yaml"), "none.yaml cannot be read"),
        (("leaderboard",), "bench run"),
        (("evaluate",), "bench run"),
        (("check", "zscor"), "did you mean 'zscore'"),
        (("new-method", "zscore"), "already"),
    ],
)
def test_mistakes_are_sentences_with_exit_code_2(arguments, sentence):
    shown = invoke(*arguments)
    assert shown.exit_code == 2
    assert sentence in shown.output and "Traceback" not in shown.output
    assert shown.stderr.strip().count("\n") == 0


def test_ctrl_c_says_how_to_go_on(monkeypatch):
    def pressed(self, case):
        raise KeyboardInterrupt

    monkeypatch.setattr("methods.random.Random.score", pressed)
    shown = invoke("run", "--method", "random")
    assert shown.exit_code == 130
    assert "the same command goes on where it stopped" in shown.output


def test_our_own_mistakes_leave_a_log_not_a_traceback(monkeypatch):
    monkeypatch.setattr("bench.registry.listing", lambda: 1 / 0)
    shown = invoke("methods")
    assert shown.exit_code == 1 and "Traceback" not in shown.output
    log = Path(shown.stderr.strip().rsplit(" ", 1)[1])
    assert "ZeroDivisionError" in log.read_text()
    log.unlink()


def test_faults_of_the_machine_are_sentences(monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device", "/full/file")

    monkeypatch.setattr("bench.registry.listing", full)
    shown = invoke("methods")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("The disk is full, /full/file cannot be written: make room; ")


def test_a_full_disk_stops_the_run_and_blames_no_case(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bench.runs.run_folder.save_nifti", full)
    shown = invoke("run", "--method", "random")
    assert shown.exit_code == 2 and "The disk is full" in shown.stderr
    (run,) = (tmp_path / "workspace").glob("runs/*/random-*")
    assert (run / "runtime.json").exists() and not (run / "failed").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--method", "all", "--method", "nope"), "There is no method 'nope'"),
        (("run", "--method", "random", "--threads", "100000"), "100000 is more than this machine has use for"),
        (("run", "--method", "random", "--workers", "100000"), "100000 is more than this machine has use for"),
        (("evaluate", "maps", "--labels", "labels", "--url", "javascript:x"), "must begin with http:// or https://"),
        (("evaluate", "maps", "--labels", "labels", "--fingerprint", "ab"), "--fingerprint goes with --dataset"),
        (("evaluate", "--url", "https://x.org"), "--url goes with MAPS"),
        (("evaluate", "--dataset", "**"), "holds no runs that were chosen"),
        (("figure", "."), ". is a folder: name the picture"),
        (("figure", "x", "--kind", "froc", "--count", "3"), "leave them out with froc"),
        (("run", "--method", "x" * 3000), "There is no method 'xxx"),
    ],
)
def test_what_would_be_ignored_or_break_later_is_refused(arguments, sentence):
    shown = invoke(*arguments)
    assert shown.exit_code == 2
    words = " ".join(re.sub("[│╭╮╰╯─]", " ", shown.output).split())  # what Typer itself says stands in a frame
    assert sentence in words and len(words) < 900


def test_settings_in_help_texts_are_those_of_a_method():
    settings = {key for detector in registry.methods().values() for key in settings_of(detector.Config)}
    settings |= {key for source in DATASETS.all().values() for key in settings_of(source.Settings)}
    settings |= {"key"}  # "should read key=value"
    sources = [*Path(ROOT, "bench").rglob("*.py"), *Path(ROOT, "docs").glob("*.md"), Path(ROOT, "README.md")]
    named = {
        (path.name, key)
        for path in sources
        for key in re.findall(r"(?:--set|--data|setting, as) ([a-z_.]+)=", path.read_text(encoding="utf-8"))
    }
    assert ("options.py", "patches.blocks") in named
    assert {one for one in named if one[1] not in settings} == set()


def test_fit_ships_components(tmp_path):
    shown = invoke("fit", "--method", "zscore", "--ship", str(tmp_path / "weights"))
    assert shown.exit_code == 0
    (place,) = (tmp_path / "weights").iterdir()
    assert str(place) in shown.output and (place / "card.json").exists()


def test_lists():
    assert "trivial baseline" in invoke("methods").output
    settings = invoke("methods", "zscore").output
    assert "moments.moment_smoothing_mm = 1.0 [>= 0" in settings
    assert "phantom" in invoke("datasets").output


def test_check_lists_every_point():
    shown = invoke("check", "random")
    assert shown.exit_code == 0 and shown.output.count("ok ") == 12


def test_two_methods_are_compared_and_drawn(tmp_path):
    assert invoke("run", "--method", "random", "--method", "zscore").exit_code == 0
    compared = invoke("compare", "zscore", "random", "--metric", "auroc")
    assert compared.exit_code == 0 and "2/0/0" in compared.output
    drawn = invoke("figure", str(tmp_path / "fig.png"), "--kind", "all", "--count", "1")
    assert drawn.exit_code == 0, drawn.output
    for kind in ("maps", "metrics", "ranks", "differences", "tradeoff", "lesion-volume", "froc"):
        for suffix in ("png", "pdf", "svg"):
            assert (tmp_path / f"fig-{kind}.{suffix}").stat().st_size > 1000
    shown = invoke("report", str(tmp_path / "site"))
    assert shown.exit_code == 0, shown.output
    pages = {path.name for path in (tmp_path / "site").glob("*.html")}
    assert {"index.html", "method-zscore.html", "method-random.html"} < pages
    (board,) = (tmp_path / "site").glob("board-*.html")
    assert "Free-response ROC" in board.read_text(encoding="utf-8")
    case = min((tmp_path / "site").glob("case-*.html")).read_text(encoding="utf-8")
    assert "as scored" in case and "data-volumes" in case
    single = invoke("report", str(tmp_path / "report.html"), "--single-file", "--cases", "0")
    assert single.exit_code == 0 and (tmp_path / "report.html").stat().st_size > 10_000
    refused = invoke("report", str(tmp_path))
    assert refused.exit_code == 2 and "holds other files" in refused.output
