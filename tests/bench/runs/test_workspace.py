"""The layout on disk, which workspaces that people have rely on."""

from pathlib import Path

import pytest

from bench.runs.workspace import RunLayout, Workspace


def test_the_layout_is_the_one_that_older_workspaces_have(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    dataset = workspace.dataset("phantom", "0123456789abcdef")
    run = RunLayout(dataset.run("zscore", "fedcba9876543210"))
    results = run.results("paper")
    paths = [
        workspace.trained_parts,
        workspace.datasets,
        workspace.mlflow_database,
        workspace.mlflow_artifacts,
        dataset.settings_file,
        dataset.labels_file,
        run.record_file,
        run.scored_file("a"),
        run.failure_file("a"),
        run.error_log,
        run.map_path("a"),
        run.prepared_path("a"),
        run.validation_path("a"),
        run.healthy_brain_path("a"),
        results.protocol_file,
        results.case_file("a"),
        results.table_file,
        results.run_file,
    ]
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "components",
        "datasets",
        "mlflow.db",
        "mlartifacts",
        "runs/phantom-01234567/dataset.json",
        "runs/phantom-01234567/labels.json",
        "runs/phantom-01234567/zscore-fedcba98/runtime.json",
        "runs/phantom-01234567/zscore-fedcba98/scored/a.json",
        "runs/phantom-01234567/zscore-fedcba98/failed/a.txt",
        "runs/phantom-01234567/zscore-fedcba98/errors.log",
        "runs/phantom-01234567/zscore-fedcba98/maps/a_anomaly.nii.gz",
        "runs/phantom-01234567/zscore-fedcba98/prepared/a.nii.gz",
        "runs/phantom-01234567/zscore-fedcba98/validation/a.nii.gz",
        "runs/phantom-01234567/zscore-fedcba98/healthy_brains/a.nii.gz",
        "runs/phantom-01234567/zscore-fedcba98/results/paper/protocol.json",
        "runs/phantom-01234567/zscore-fedcba98/results/paper/cases/a.json",
        "runs/phantom-01234567/zscore-fedcba98/results/paper/cases.csv",
        "runs/phantom-01234567/zscore-fedcba98/results/paper/run.json",
    ]


def test_what_is_there_is_found_in_order(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert (workspace.all_datasets(), workspace.run_files()) == ([], [])
    folders = [workspace.dataset(name, "0" * 16).run("m", str(seed) * 8) for name in "ba" for seed in (2, 1)]
    for folder in folders:
        for file in (RunLayout(folder).record_file, RunLayout(folder).results("paper").run_file):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    assert [dataset.path.name for dataset in workspace.all_datasets()] == ["a-00000000", "b-00000000"]
    assert workspace.all_datasets()[0].all_runs() == [folders[3], folders[2]]
    assert [file.parents[2] for file in workspace.run_files()] == sorted(folders)


def test_the_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Workspace(Path("~/work")).runs == tmp_path / "work" / "runs"
    assert str(Workspace(Path("here"))) == "here"


def test_results_of_a_case_are_its_own_whatever_its_name(tmp_path):
    run = RunLayout(tmp_path)
    for name in ("sub-*", "sub-1"):
        path = run.results("paper").case_file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    assert [path.name for path in run.case_results("sub-*")] == ["sub-*.json"]
