"""Finished runs as pandas frames, and the notebook that shows how."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import bench
from bench.errors import BenchError
from bench.results import save_result

NOTEBOOK = Path(__file__).parents[3] / "docs" / "results-in-python.ipynb"


@pytest.fixture
def workspace(tmp_path, make_run):
    """Two methods on two cases, and a damaged result."""
    for name, tpr in {"good": [0.75, 1.0], "poor": [0.25, 0.0]}.items():
        columns = {"tpr": tpr, "ppv": [0.5] * 2, "hd99_vox": [1.0] * 2, "msd_vox": [1.0] * 2}
        run = make_run(name, dataset="tiny", dataset_fingerprint="ffff", **columns)
        save_result(tmp_path / "runs" / "tiny-ffff" / f"{name}-k" / "results" / "paper" / "run.json", run)
    return tmp_path


def test_a_board_as_a_frame(workspace) -> None:
    board = bench.load_board(workspace, dataset="tiny", metrics=["tpr"])
    assert list(board["label"]) == ["good", "poor"] and list(board["tpr_mean"]) == [0.875, 0.125]
    assert board.attrs["notes"] == []
    with pytest.raises(BenchError, match="No run fits"):
        bench.load_board(workspace, protocol="authors-code")


def test_every_value_and_what_cannot_be_read(workspace, monkeypatch) -> None:
    (workspace / "runs" / "tiny-ffff" / "poor-k" / "results" / "paper" / "run.json").write_text("{", encoding="utf-8")
    monkeypatch.setenv("BENCH_WORKSPACE", str(workspace))
    with pytest.warns(UserWarning, match=r"left out: .*poor-k.* is not a result"):
        results = bench.load_results()
    assert list(results[results["metric"] == "tpr"]["value"]) == [0.75, 1.0]


def test_importing_bench_imports_nothing() -> None:
    code = "import sys, bench; print(sorted({'pandas', 'numpy', 'pydantic'} & set(sys.modules)), hasattr(bench, 'no'))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[] False\n"


def test_the_notebook_runs(workspace, monkeypatch) -> None:
    monkeypatch.setenv("BENCH_WORKSPACE", str(workspace))
    root = NOTEBOOK.parents[1]
    monkeypatch.setenv("PYTHONPATH", str(root))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(root)}}).execute()
    tables = [output for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    assert "0.875" in tables[0]["data"]["text/plain"] and any("image/png" in output["data"] for output in tables)
