"""`--config` holds options as well as settings, the command line wins, and each run writes the file that repeats it."""

from dataclasses import fields

import nibabel
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import bench.runs.datasets
from bench import cli
from bench.cli.data_options import DataOptions, LesionOptions
from bench.contributing.contract import tiny_dataset
from bench.results import load_run
from bench.runs.tracking import Tracker
from datasets.bids import Settings
from datasets.lesions.settings import LesionSettings
from datasets.option_names import FIELDS, SAME_NAME


@pytest.fixture(autouse=True)
def untracked(monkeypatch, tmp_path):
    monkeypatch.setattr(Tracker, "log", lambda tracker, run, folder: None)
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))


@pytest.fixture
def tiny(monkeypatch):
    """Dataset settings as the run was given them, in a list; its cases are tiny."""
    given = []
    monkeypatch.setattr(
        bench.runs.datasets, "load_dataset", lambda settings, cache_folder: given.append(settings) or tiny_dataset()
    )
    return given


def invoke(*arguments):
    return CliRunner().invoke(cli.app, ["run", *map(str, arguments), "--threads", "1", "--workers", "1"])


def run_files(workspace):
    return sorted(workspace.glob("runs/*/*/results/*/run.json"))


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


FILE = """
method: [zscore, random]
seed: 3-4
protocol: authors-code
dataset: bids
root: {root}
dataset_seed: 7
lesion-set: plain
channels: [T1w, FLAIR]
cases: null
zscore: {{channels: max}}
"""


def test_options_of_the_file_are_those_of_the_command_line(tmp_path, tiny):
    shown = invoke("--config", write(tmp_path / "mine.yaml", FILE.format(root=tmp_path)))
    assert shown.exit_code == 0, shown.output
    expected = Settings(root=tmp_path, seed=7, channels=("T1w", "FLAIR"), lesions=LesionSettings(set="plain"))
    assert tiny == [expected]
    runs = [load_run(path) for path in run_files(tmp_path / "workspace")]
    assert {(run.method, run.seed) for run in runs} == {(m, s) for m in ("zscore", "random") for s in (3, 4)}
    assert {run.protocol for run in runs} == {"authors-code@2"}
    assert {run.config["channels"] for run in runs if run.method == "zscore"} == {"max"}


def test_the_command_line_wins(tmp_path, tiny):
    file = write(tmp_path / "mine.yaml", "seed: 3\nmethod: random\ncases: 5\nlesion-set: plain\nagain: true\n")
    shown = invoke("--seed", "1", "--config", file, "--method", "zscore", "--lesion-set", "none")
    assert shown.exit_code == 0, shown.output
    (run,) = map(load_run, run_files(tmp_path / "workspace"))
    assert (run.method, run.seed) == ("zscore", 1)
    assert tiny[0].cases == 5 and tiny[0].lesions.set == "none"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sed: 3", "bench run has no option 'sed', did you mean 'seed'?"),
        ("zscore: 3", "has no option 'zscore'"),
        ("zscor: {}", "there is no method 'zscor', did you mean 'zscore'?"),
        ("seed: [[1]]", "seed takes one value or a list of values"),
        ("config: other.yaml", "has no option 'config'"),
        ("seed: few", "give one seed"),
        ("cases: -1", "--cases"),
        ("protocol: papr", 'did you mean "paper"'),
        ("- seed", "should map names of methods to settings"),
        ("seed: 1\nseed: 2", "the key 'seed' stands twice"),
        ("root: /scans\ndataset: phantom", "does not read --root"),
    ],
)
def test_mistakes_in_the_file_are_sentences(tmp_path, tiny, text, sentence):
    file = write(tmp_path / "mine.yaml", text)
    shown = invoke("--config", file, "--method", "random")
    assert shown.exit_code == 2 and "Traceback" not in shown.output
    assert sentence in " ".join(shown.output.split())
    assert not (tmp_path / "workspace").exists()


def test_the_workspace_may_be_named_in_the_file_where_no_variable_names_it(tmp_path, tiny, monkeypatch):
    file = write(tmp_path / "mine.yaml", f"workspace: {tmp_path / 'named'}\nmethod: random\n")
    assert invoke("--config", file).exit_code == 0
    assert run_files(tmp_path / "workspace") and not (tmp_path / "named").exists()
    monkeypatch.delenv("BENCH_WORKSPACE")
    assert invoke("--config", file).exit_code == 0
    assert run_files(tmp_path / "named")


def test_a_missing_file_is_a_sentence(tiny):
    shown = invoke("--config", "none.yaml")
    assert shown.exit_code == 2 and "none.yaml cannot be read" in shown.output


def scans(folder):
    """Four healthy subjects with one contrast, a ball with noise."""
    generator = np.random.default_rng(0)
    for number in range(4):
        x, y, z = np.ogrid[:32, :32, :32]
        brain = (x - 16) ** 2 + (y - 16) ** 2 + (z - 16) ** 2 < 14**2
        image = np.where(brain, generator.normal(100, 10, brain.shape), 0).astype(np.float32)
        path = folder / f"sub-{number:02}" / "anat" / f"sub-{number:02}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        affine = np.diag([4.0, 4.0, 4.0, 1.0])
        affine[:3, 3] = -64
        nibabel.save(nibabel.Nifti1Image(image, affine), path)
    return folder


def test_a_run_is_repeated_by_its_file(tmp_path, monkeypatch):
    root, workspace = scans(tmp_path / "scans"), tmp_path / "workspace"
    monkeypatch.chdir(tmp_path)
    first = invoke(
        *("--root", "scans", "--method", "random", "--method", "zscore", "--seed", "2", "--dataset-seed", "1"),
        *("--lesion-load-ml", "5", "--align", "none", "--set", "channels=max", "--protocol", "paper-fpr5"),
        *("--metric", "medpy_assd_mm", "--data", "lesions.enhancement=2.0"),
    )
    assert first.exit_code == 0, first.output
    files = run_files(workspace)
    assert len(files) == 2
    for file in files:
        config = file.with_name("config.yaml")
        said = yaml.safe_load(config.read_text(encoding="utf-8"))
        assert said["root"] == str(root) and said["seed"] == 2 and said["data"] == ["lesions.enhancement=2.0"]
        copy = write(tmp_path / "repeat.yaml", config.read_text(encoding="utf-8"))
        again = invoke("--config", copy, "--workspace", tmp_path / "again")
        assert again.exit_code == 0, again.output
    repeated = run_files(tmp_path / "again")
    assert [path.relative_to(tmp_path / "again") for path in repeated] == [p.relative_to(workspace) for p in files]
    for before, after in zip(map(load_run, files), map(load_run, repeated), strict=True):
        assert (before.key, before.metrics) == (after.key, after.metrics)
        assert "medpy_assd_mm" in after.metrics


def test_every_option_of_data_has_its_field():
    options = {field.name for field in (*fields(DataOptions), *fields(LesionOptions))}
    assert options == {*FIELDS, *SAME_NAME, "dataset", "data"}
