"""The contract notices datasets that break it; the phantom, and what the templates give, keep it."""

import itertools
import time
from dataclasses import replace
from importlib.resources import files
from string import Template
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from bench import cli, discovery
from bench.contributing.contract import tiny_dataset
from bench.contributing.dataset_contract import check_dataset
from datasets.lesions.generator import LESION_GENERATORS
from datasets.lesions.settings import LesionSettings
from datasets.load import load_dataset
from datasets.settings import DatasetSettings
from datasets.sources import dataset_settings


class Settings(DatasetSettings):
    pass


def named(dataset):
    """The same with ids as BIDS has them, and volumes of a width that networks can halve four times."""
    splits = {
        split: tuple(replace(case, id=f"sub-{case.id.replace('-', '')}") for case in getattr(dataset, split))
        for split in ("train", "validation", "test")
    }
    return replace(dataset, **splits, test_ids=tuple(case.id for case in splits["test"]))


def changed(split, **fields):
    """The tiny dataset with the first case of a split changed."""
    dataset = named(tiny_dataset())
    first, *others = getattr(dataset, split)
    return replace(dataset, **{split: (replace(first, **fields), *others)})


FIRST = named(tiny_dataset()).test[0]
BRIGHT = np.where(FIRST.brain_mask, 2, -1).astype(np.float32) * np.ones((2, 1, 1, 1), np.float32)
COUNTER = itertools.count()


class SlowCases(tuple):
    counted = False

    def __len__(self):
        time.sleep(0 if self.counted else 0.6)
        self.counted = True
        return super().__len__()


BROKEN = [
    (lambda: replace(named(tiny_dataset()), name="other"), "its name", "calls itself other"),
    (lambda: replace(named(tiny_dataset()), train=SlowCases(named(tiny_dataset()).train)), "at once", "took 0.6 s"),
    (lambda: replace(named(tiny_dataset()), train=()), "learn from", "train or validation is empty"),
    (lambda: changed("train", lesion_mask=FIRST.lesion_mask), "without lesion masks", "sub-train0 has a lesion mask"),
    (lambda: changed("test", lesion_mask=None), "without lesion masks", "test case sub-test0 has no lesion mask"),
    (lambda: changed("test", lesion_mask=FIRST.lesion_mask[1:]), "without lesion masks", "(31, 32, 32)"),
    (lambda: changed("test", image=BRIGHT), "scales images", "has values from -1 to 2"),
    (lambda: changed("test", image=FIRST.image * 0.5), "scales images", "background that is not exactly -1"),
    (lambda: changed("test", channels=("T1w",)), "agree", "has 2 images for the channels ('T1w',)"),
    (lambda: changed("test", image=FIRST.image.astype(float)), "agree", "float64"),
    (lambda: changed("test", brain_mask=FIRST.brain_mask[1:]), "agree", "a brain mask of (31, 32, 32)"),
    (lambda: changed("test", affine=np.zeros((4, 4))), "agree", "no affine from voxels to mm"),
    (lambda: changed("train", image=FIRST.image[:, 1:], brain_mask=FIRST.brain_mask[1:]), "one shape", "(31, 32, 32)"),
    (lambda: replace(named(tiny_dataset()), test_ids=("sub-x", "sub-y")), "names each case once", "test_ids begins"),
    (lambda: changed("test", id="sub-test1"), "names each case once", "two cases are named sub-test1"),
    (lambda: changed("test", id="sub-train0_ses-2"), "no subject in two", "train and test share 1, such as sub-train0"),
    (lambda: changed("train", image=FIRST.image), "no image in two", "train and test share 1"),
    (lambda: changed("train", image=np.roll(FIRST.image, next(COUNTER))), "same cases", "the first case of train"),
    (lambda: replace(named(tiny_dataset()), fingerprint=f"{next(COUNTER):08d}"), "its fingerprints", "fingerprint was"),
]


@pytest.fixture
def offered(monkeypatch):
    """Makes a function the loader of the only dataset of another package."""

    def offer(load):
        source = SimpleNamespace(NAME="tiny", DESCRIPTION="balls", Settings=Settings, load=lambda *_: load())
        found = discovery.Kind("dataset", "datasets", "bench.datasets", lambda found: [("tiny", source)])
        monkeypatch.setattr("datasets.sources.DATASETS", found)

    return offer


def test_a_good_dataset_keeps_it(offered):
    offered(lambda: named(tiny_dataset()))
    checks = check_dataset(Settings())
    assert [check for check in checks if check.problem] == [] and len(checks) == 12


@pytest.mark.parametrize(("load", "point", "problem"), BROKEN, ids=[problem for *_, problem in BROKEN])
def test_a_broken_dataset_is_noticed_at_the_point(offered, load, point, problem):
    offered(load)
    failed = [check for check in check_dataset(Settings()) if check.problem]
    assert any(point in check.point and problem in check.problem for check in failed), failed


class LesionedSettings(DatasetSettings):
    lesions: LesionSettings = LesionSettings()


def enhanced(settings, factor, where="lesion_mask", of=0):
    """The tiny dataset, whose first test case has simulated lesions and the second real ones; one case changed."""
    dataset = named(tiny_dataset())
    simulated, real = dataset.test
    if settings.lesions.lesion_set.healthy:
        simulated = replace(simulated, lesion_mask=np.zeros_like(simulated.brain_mask))
    else:
        cases = [simulated, real]
        here = getattr(cases[of], where)
        cases[of] = replace(cases[of], image=np.where(here, factor, cases[of].image).astype(np.float32))
        simulated, real = cases
    return replace(dataset, test=(simulated, real))


@pytest.mark.parametrize(
    ("given", "changed", "problem"),
    [
        ({}, {"factor": 1.5}, None),
        ({}, {"factor": -1.5}, None),
        ({}, {"factor": 1.6}, "test case sub-test0 has values from -1 to 1.6"),
        ({}, {"factor": 1.5, "where": "brain_mask"}, "test case sub-test0 has values from -1 to 1.5"),
        ({}, {"factor": 1.5, "of": 1}, "test case sub-test1 has values from -1 to 1.5"),
        ({"enhancement": 3}, {"factor": 3}, None),
        ({"set": "plain"}, {"factor": 1.5}, "test case sub-test0 has values from -1 to 1.5"),
    ],
    ids=str,
)
def test_only_simulated_lesions_of_an_enhanced_set_may_leave_the_scale(monkeypatch, given, changed, problem):
    source = SimpleNamespace(
        NAME="tiny",
        DESCRIPTION="balls",
        Settings=LesionedSettings,
        load=lambda settings, cache_folder: enhanced(settings, **changed),
    )
    found = discovery.Kind("dataset", "datasets", "bench.datasets", lambda found: [("tiny", source)])
    monkeypatch.setattr("datasets.sources.DATASETS", found)
    checks = check_dataset(LesionedSettings(lesions=LesionSettings.model_validate(given)))
    assert [check.problem for check in checks if check.problem] == ([problem] if problem else [])


def test_an_error_is_the_problem_of_what_came_next(offered):
    offered(lambda: 1 / 0)
    (check,) = check_dataset(Settings())
    assert (check.point, check.problem) == ("loads", "ZeroDivisionError: division by zero")


@pytest.fixture
def scratch_package(tmp_path, monkeypatch):
    """A package outside of the repository, made of both templates and found by its entry points."""
    place = tmp_path / "site"
    place.mkdir()
    for template, module in (("dataset", "my_scans"), ("lesion_generator", "my_lesions")):
        words = {"name": module.replace("_", "-"), "title": "My scans", "class_name": "MyLesions"}
        text = files("bench.contributing").joinpath("templates", f"{template}.py.txt").read_text(encoding="utf-8")
        (place / f"{module}.py").write_text(Template(text).substitute(words))
    information = place / "mine-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[bench.datasets]\nmy-scans = my_scans\n\n[bench.lesions]\nmy-lesions = my_lesions:MyLesions\n"
    )
    monkeypatch.syspath_prepend(place)


@pytest.fixture
def scans(tmp_path):
    """Six healthy subjects and a patient under names of their own."""
    rng = np.random.default_rng(0)
    centre = (np.array((24, 28, 20)) - 1) / 2
    distance = np.linalg.norm((np.moveaxis(np.indices((24, 28, 20)), 0, -1) - centre) / (centre * 0.7), axis=-1)
    folder = tmp_path / "scans"
    folder.mkdir()
    for index in range(7):
        image = np.where(distance <= 1, rng.uniform(100, 1000, distance.shape), 0).astype(np.float32)
        nibabel.Nifti1Image(image, np.diag([2.0, 2, 2, 1])).to_filename(folder / f"{index:02d}_t1.nii.gz")
    lesion = (distance < 0.3).astype(np.uint8)
    nibabel.Nifti1Image(lesion, np.diag([2.0, 2, 2, 1])).to_filename(folder / "06_lesion.nii.gz")
    return folder


def test_the_templates_make_a_package_that_keeps_it(scratch_package, scans):
    options = ("--root", str(scans), "--lesions", "my-lesions", "--lesion-load-ml", "0.5")
    shown = CliRunner().invoke(cli.app, ["check-dataset", "my-scans", *options])
    assert shown.exit_code == 0, shown.output
    assert shown.output.count("ok ") == 13
    listed = CliRunner().invoke(cli.app, ["datasets"])
    assert "my-scans  My scans (--root DIR)" in listed.output


def test_another_generator_has_fingerprints_of_its_own(scratch_package, scans, tmp_path):
    lesions = {"lesion_load_ml": 0.5, "generator": "my-lesions"}
    ours = load_dataset(dataset_settings("my-scans", {"root": scans, "lesions": lesions}), tmp_path / "cache")
    theirs = load_dataset(dataset_settings("my-scans", {"root": scans}), tmp_path / "cache")
    assert ours.training_fingerprint == theirs.training_fingerprint and ours.fingerprint != theirs.fingerprint
    simulated, real = ours.test[0], ours.test[-1]
    assert real.id == "sub-06" and simulated.lesion_mask.sum() in (62, 63)  # 0.5 ml
    assert "by my-lesions" in ours.description["lesions"]
    assert set(LESION_GENERATORS.all()) == {"mslesionsimulator", "my-lesions"}


@pytest.mark.slow
def test_the_phantom_keeps_it():
    shown = CliRunner().invoke(cli.app, ["check-dataset", "phantom", "--most", "1"])
    assert shown.exit_code == 0 and shown.output.count("ok ") == 12, shown.output
