"""The tiny dataset in the place of others, and folders of maps and labels."""

from dataclasses import replace

import pytest

import bench.runs.datasets
import bench.runs.evaluation
from bench import registry
from bench.contributing.contract import tiny_dataset
from bench.runs.tracking import Tracker
from datasets.case import NativeGrid
from tests.bench.runs.made_maps import AFFINE, IDS, volumes, write
from tests.bench.runs.made_methods import Brightness, NeedsFlair, NeverFits


@pytest.fixture
def workplace(monkeypatch):
    """The tiny dataset under every name, two more methods, no MLflow."""
    dataset = tiny_dataset(test=3)
    methods = registry.methods() | {"brightness": Brightness, "never-fits": NeverFits, "needs-flair": NeedsFlair}
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: dataset)
    monkeypatch.setattr(registry, "method", methods.__getitem__)
    monkeypatch.setattr(Tracker, "log", lambda tracker, run, folder: None)
    monkeypatch.setattr(Brightness, "broken", None)
    monkeypatch.setattr(Brightness, "stop", None)
    monkeypatch.setattr(Brightness, "scored", [])
    return dataset


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Three cases, one of them a session, with maps, labels and brain masks; a workspace without MLflow."""
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr(Tracker, "log", lambda tracker, run, folder: None)
    for index, name in enumerate(IDS):
        brain, lesion, anomaly_map = volumes(index)
        write(tmp_path / "labels" / f"{name}_label-lesion_mask.nii.gz", lesion)
        write(tmp_path / "labels" / f"{name}_desc-brain_mask.nii.gz", brain)
        write(tmp_path / "maps" / f"{name}_anomaly.nii.gz", anomaly_map)
    return tmp_path


@pytest.fixture
def tiny(folders, monkeypatch):
    """The tiny dataset with ids as BIDS has them, and cases whose own grid is larger than the prepared one."""
    shifted = AFFINE.copy()
    shifted[:3, 3] = -4
    own = NativeGrid((36, 36, 36), shifted)
    found = tiny_dataset()
    named = {
        split: tuple(replace(c, id=f"sub-{c.id.replace('-', '')}", native=own) for c in getattr(found, split))
        for split in ("train", "validation", "test")
    }
    found = replace(found, **named, test_ids=tuple(case.id for case in named["test"]))
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: found)
    return found
