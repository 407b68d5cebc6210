import pytest

from bench.errors import BenchError
from datasets.load import dataset_names, load_dataset
from datasets.settings import DatasetSettings


def test_unknown_name_answers_with_the_nearest():
    with pytest.raises(BenchError, match="no dataset 'phantoms'; did you mean 'phantom'"):
        load_dataset(DatasetSettings(name="phantoms"))


def test_every_dataset_has_a_line():
    assert {"phantom", "bids", "ixi", "cohort"} <= dataset_names().keys()
    assert all(dataset_names().values())
