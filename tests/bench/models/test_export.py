"""What `bench models export` refuses, in a sentence; what it takes is tested where models predict."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bench.runs.datasets
from bench import cli
from bench.contributing.contract import tiny_dataset
from bench.models.export import found_run
from bench.reporting import SilentReporter
from bench.runs.bench import Bench
from bench.runs.choice import Choice
from bench.runs.run import run
from bench.runs.tracking import Tracker
from bench.runs.workspace import RunLayout, Workspace
from datasets import phantom
from metrics.protocol import protocol


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A finished run of zscore on the tiny dataset."""
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: tiny_dataset())
    monkeypatch.setattr(Tracker, "log", lambda tracker, run, folder: None)
    found = Workspace(tmp_path / "ws")
    run(Bench(found, SilentReporter()), Choice(("zscore",)), phantom.Settings(), protocol("paper"))
    yield found


def refusal(workspace: Workspace, *arguments: object) -> str:
    """What the command says when it ends with exit code 2, and makes nothing."""
    command = ["models", "export", *map(str, arguments), "--workspace", str(workspace), "--threads", "1"]
    shown = CliRunner().invoke(cli.app, command)
    assert shown.exit_code == 2, shown.output
    assert "Traceback" not in shown.output and not list(workspace.models.glob("*"))
    return " ".join(shown.stderr.replace("│", " ").split())


NAMED = ("--name", "small", "--licence", "Apache-2.0")


def test_a_method_without_a_run_is_told_how_to_make_one(workspace: Workspace) -> None:
    said = refusal(workspace, "highpass", *NAMED)
    assert said.startswith("highpass is neither the folder of a run nor a method with a finished run in")
    assert said.endswith("make one with `bench run --method highpass`.")


def test_a_name_that_no_folder_can_have_is_refused(workspace: Workspace) -> None:
    for name in ("", "..", "../beside", "a/b", ".hidden", "a b", "n" * 101):
        said = refusal(workspace, "zscore", "--name", name, "--licence", "Apache-2.0")
        assert said.startswith(f"--name '{name}' cannot be a folder's: take at most 100 letters")


def test_weights_without_a_licence_are_refused(workspace: Workspace) -> None:
    assert "--licence" in refusal(workspace, "zscore", "--name", "small")
    assert "--licence" in refusal(workspace, "zscore", "--name", "small", "--licence", " ")


def test_a_folder_with_other_files_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    said = refusal(workspace, "zscore", *NAMED, "--to", tmp_path / "mine")
    assert said == f"{tmp_path / 'mine'} is not empty: name another folder by --to, or another --name."
    said = refusal(workspace, "zscore", *NAMED, "--to", tmp_path / "mine" / "notes.txt")
    assert "a part of this path is a file, where a folder is needed" in said
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_damaged_record_an_unfinished_run_and_maps_of_others_are_refused(workspace: Workspace) -> None:
    folder = RunLayout(found_run(workspace, "zscore"))
    record = folder.record_file.read_text()
    folder.record_file.write_text(record.replace('"external": false', '"external": true'))
    assert "holds maps of another program" in refusal(workspace, folder.path, *NAMED)
    folder.record_file.write_text(record[:40])
    assert f"{folder.record_file} is damaged" in refusal(workspace, folder.path, *NAMED)
    folder.record_file.write_text(record)
    folder.results("paper").run_file.unlink()
    assert refusal(workspace, folder.path, *NAMED) == f"{folder.path} is not finished: let `bench run` end first."


def test_data_that_changed_since_are_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(tiny_dataset(), fingerprint="another")
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: other)
    assert "has changed: run again on it as it is now" in refusal(workspace, "zscore", *NAMED)
