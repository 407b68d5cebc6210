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
from datasets import bids, cohort, phantom
from datasets.lesions.settings import LesionSettings


def test_defaults_are_those_of_the_settings():
    assert dataset_settings("cpu", DataOptions(), LesionOptions()) == phantom.Settings()
    assert lesion_settings(LesionOptions()) == LesionSettings()
    assert dataset_settings("gpu", TrainingDataOptions()) == phantom.Settings(cohort_size="medium")
    assert dataset_settings("gpu", TrainingDataOptions(cohort_size="small")) == phantom.Settings()


def test_options_reach_their_fields(tmp_path):
    enhanced = ["lesions.enhancement=2"]
    data = DataOptions("bids", tmp_path, tmp_path / "healthy", None, "FLAIR,t1w", "none", 3, None, enhanced, 4)
    lesions = LesionOptions(lesion_atlas=tmp_path / "atlas", lesion_load_ml=5.0)
    inside = LesionSettings(atlas=tmp_path / "atlas", lesion_load_ml=5, enhancement=2)
    expected = bids.Settings(
        root=tmp_path,
        train_root=tmp_path / "healthy",
        channels=("FLAIR", "T1w"),
        align="none",
        seed=3,
        cases=4,
        lesions=inside,
    )
    assert dataset_settings("gpu", data, lesions) == expected  # the preset is the methods' alone


def test_a_folder_without_a_dataset_is_bids_and_with_a_table_the_cohort(tmp_path, capsys):
    assert dataset_settings("cpu", DataOptions(root=tmp_path)) == bids.Settings(root=tmp_path)
    assert capsys.readouterr().out == "--dataset bids, since --root is given\n"
    expected = cohort.Settings(root=tmp_path, table=tmp_path / "cbcl.csv")
    assert dataset_settings("cpu", DataOptions(root=tmp_path, table=tmp_path / "cbcl.csv")) == expected
    assert capsys.readouterr().out == "--dataset cohort, since --table is given\n"


@pytest.mark.parametrize(
    ("lesions", "pairs", "sentence"),
    [
        (LesionOptions("none", lesion_atlas="masks"), [], "--lesion-atlas changes nothing in the lesion set none"),
        (LesionOptions("none", lesion_load_ml=5), [], "--lesion-load-ml changes nothing in the lesion set none"),
        (LesionOptions("paper", soft_fwhm_mm=2), [], "--soft-fwhm-mm changes nothing in the lesion set paper"),
        (
            LesionOptions("soft"),
            ["lesions.enhancement=2"],
            "lesions.enhancement changes nothing in the lesion set soft",
        ),
    ],
)
def test_settings_of_lesions_without_effect_are_refused(lesions, pairs, sentence):
    with pytest.raises(BenchError, match=f"{sentence}: leave it out"):
        dataset_settings("cpu", DataOptions(data=pairs), lesions)
    if not pairs:
        with pytest.raises(BenchError, match=sentence):
            lesion_settings(lesions)
    assert lesion_settings(LesionOptions("soft", soft_fwhm_mm=2)).soft_fwhm_mm == 2


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (DataOptions("bids", cohort_size="medium"), "The dataset bids does not read --cohort-size: leave it out."),
        (DataOptions("bids", table="scores.csv"), "The dataset bids does not read --table: leave it out."),
        (DataOptions("phantom", root="scans"), "The dataset phantom does not read --root"),
        (DataOptions("ixi", train_root="scans"), "The dataset ixi does not read --train-root"),
        (DataOptions(align="none"), "The dataset phantom does not read --align"),
        (DataOptions("labels", cases=3), "The dataset labels does not read --cases"),
        (DataOptions("labels", dataset_seed=3), "The dataset labels does not read --dataset-seed"),
        (DataOptions("idx"), "There is no dataset 'idx', did you mean 'ixi'?"),
        (DataOptions(data=["sed=1"]), "there is no setting 'sed', did you mean 'seed'?"),
        (DataOptions(data=["seed"]), "--data seed should read key=value"),
        (DataOptions(data=["seed=many"]), "seed = 'many' is wrong"),
        (DataOptions(data=["seed=1", "seed=2"]), "--data seed is given twice"),
        (DataOptions(dataset_seed=1, data=["seed=2"]), "seed is set twice, by an option of its own and by --data"),
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
