"""Options become settings of the chosen dataset; what it does not read is refused by the option's name."""

from dataclasses import fields

import pytest

from bench.cli.data_options import (
    FIELDS,
    DataOptions,
    LesionOptions,
    TrainingDataOptions,
    dataset_settings,
    lesion_settings,
)
from bench.errors import BenchError
from datasets import bids, phantom
from datasets.lesions.settings import LesionSettings


def test_defaults_are_those_of_the_settings():
    assert dataset_settings("cpu", DataOptions(), LesionOptions()) == phantom.Settings()
    assert lesion_settings(LesionOptions()) == LesionSettings()
    assert dataset_settings("gpu", TrainingDataOptions()) == phantom.Settings(preset="gpu")


def test_options_reach_their_fields(tmp_path):
    data = DataOptions("bids", tmp_path, tmp_path / "healthy", None, "none", 3, ["lesions.enhancement=2"], 4)
    lesions = LesionOptions("soft", lesion_atlas=tmp_path / "atlas", lesion_load_ml=5.0, soft_fwhm_mm=2.5)
    inside = LesionSettings(set="soft", atlas=tmp_path / "atlas", lesion_load_ml=5, soft_fwhm_mm=2.5, enhancement=2)
    expected = bids.Settings(
        root=tmp_path, train_root=tmp_path / "healthy", align="none", seed=3, cases=4, lesions=inside
    )
    assert dataset_settings("gpu", data, lesions) == expected  # the preset is the methods' alone


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (DataOptions("bids", table="scores.csv"), "The dataset bids does not read --table: leave it out."),
        (DataOptions(root="scans"), "The dataset phantom does not read --root"),
        (DataOptions("ixi", train_root="scans"), "The dataset ixi does not read --train-root"),
        (DataOptions(align="none"), "The dataset phantom does not read --align"),
        (DataOptions("labels", cases=3), "The dataset labels does not read --cases"),
        (DataOptions("labels", dataset_seed=3), "The dataset labels does not read --dataset-seed"),
        (DataOptions("idx"), "There is no dataset 'idx', did you mean 'ixi'?"),
        (DataOptions(data=["sed=1"]), "there is no setting 'sed', did you mean 'seed'?"),
        (DataOptions(data=["seed"]), "--data seed should read key=value"),
        (DataOptions(data=["seed=many"]), "seed = 'many' is wrong"),
    ],
)
def test_mistakes_are_sentences(data, sentence):
    with pytest.raises(BenchError) as caught:
        dataset_settings("cpu", data, LesionOptions())
    assert sentence in str(caught.value)


def test_lesions_of_a_dataset_without_them():
    with pytest.raises(BenchError, match="The dataset labels does not read --lesion-set"):
        dataset_settings("cpu", DataOptions("labels"), LesionOptions("soft"))
    with pytest.raises(BenchError, match="simulated lesions: set = 'papr' is wrong, it should be one of paper, plain"):
        lesion_settings(LesionOptions("papr"))


def test_every_renamed_option_is_one():
    options = {field.name for group in (DataOptions, LesionOptions) for field in fields(group)}
    assert FIELDS.keys() <= options
