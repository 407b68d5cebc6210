"""AE beyond the contract: it can learn, and finds what it has not seen."""

from dataclasses import replace

import numpy as np
import pytest

from bench.contributing.contract import tiny_dataset
from bench.reporting import SilentReporter
from bench.runs.choice import ChosenMethod
from bench.runs.scoring import fitted_detector
from bench.runs.store import Store
from methods.ae import AE, AEConfig
from methods.parts.autoencoder import AutoencoderConfig


@pytest.fixture
def volume():
    """A case of 16^3 voxels, brain everywhere."""
    case = tiny_dataset(channels=("T1w",)).train[0]
    middle = (slice(8, 24),) * 3
    return replace(case, image=case.image[(slice(None), *middle)], brain_mask=np.ones((16, 16, 16), dtype=bool))


def test_it_overfits_one_volume_and_finds_what_was_not_in_it(tmp_path, volume):
    dataset = replace(tiny_dataset(channels=("T1w",)), train=(volume,), validation=(volume,))
    autoencoder = AutoencoderConfig(
        channels=(16, 64), iterations=250, batch_size=1, learning_rate=1e-2, augmentation="none"
    )
    store = Store(tmp_path, shipped=None)
    config = AEConfig(autoencoder=autoencoder)
    detector = fitted_detector(ChosenMethod(AE, config, "cpu", 0, "cpu"), dataset, store, SilentReporter()).detector
    anomaly_map = detector.score(volume)
    assert (anomaly_map**2).mean() < 0.1 * volume.image.var()
    image = volume.image.copy()
    image[0, 6:10, 6:10, 6:10] += 1.0
    changed = detector.score(replace(volume, image=image))
    assert changed[6:10, 6:10, 6:10].mean() > 3 * changed.mean()
