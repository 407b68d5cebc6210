"""The lesion set none: test cases stay healthy, and nothing changes for the other sets."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.reporting import SilentReporter
from datasets import phantom
from datasets.lesions.generator import simulate_lesions
from datasets.lesions.settings import LesionSettings
from datasets.load import load_dataset
from datasets.phantom import lesions_at_1_mm
from datasets.preparing.preparation import Scan
from datasets.simulate import simulate_folder

SHAPE = (8, 10, 6)
NONE = LesionSettings(set="none")


def test_scans_stay_as_they_are():
    images = np.random.default_rng(0).normal(100, 9, (2, *SHAPE)).astype(np.float32)
    brain = np.ones(SHAPE, dtype=bool)
    scan = Scan("sub-01", images, brain, None, np.diag([2.0, 2, 2, 1]), ("T1w", "T2w"))
    for simulate in (simulate_lesions, lesions_at_1_mm):
        found = simulate(scan, NONE, 0)
        assert np.array_equal(found.images, images) and found.lesion_mask.dtype == bool and not found.lesion_mask.any()


def test_the_set_has_a_fingerprint_of_its_own_and_leaves_the_others_theirs(tmp_path):
    default = load_dataset(phantom.Settings(), tmp_path)
    healthy = load_dataset(phantom.Settings(lesions=NONE), tmp_path)
    assert healthy.training_fingerprint == default.training_fingerprint
    assert healthy.fingerprint != default.fingerprint
    # Shipped weights and published tables are keyed by these.
    assert default.training_fingerprint.startswith("e97bdb46cd9b8c84")
    assert default.fingerprint.startswith("9083aed56eaf3a29")


def test_simulating_none_is_refused(tmp_path):
    with pytest.raises(BenchError, match="choose another one"):
        simulate_folder(tmp_path / "in", tmp_path / "out", NONE, 0, SilentReporter())
