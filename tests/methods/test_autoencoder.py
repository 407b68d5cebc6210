"""The autoencoder beyond the contract: it can learn, has a bottleneck, and comes back from its file."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.contributing.contract import tiny_dataset
from bench.reporting import SilentReporter
from bench.runs.scoring import fitted_detector
from bench.runs.store import Store
from methods.autoencoder import AE, AEConfig, Autoencoder, AutoencoderConfig, build_network


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
    detector = fitted_detector(AE, config, dataset, store, 0, "cpu", SilentReporter())[0]
    anomaly_map = detector.score(volume)
    assert (anomaly_map**2).mean() < 0.1 * volume.image.var()
    image = volume.image.copy()
    image[0, 6:10, 6:10, 6:10] += 1.0
    changed = detector.score(replace(volume, image=image))
    assert changed[6:10, 6:10, 6:10].mean() > 3 * changed.mean()


def test_the_code_is_far_smaller_than_the_image():
    network = build_network(AutoencoderConfig(), channels=2, seed=0).eval()
    with torch.no_grad():
        code = network[0].encode(torch.zeros(1, 2, 32, 32, 32))  # type: ignore[operator]
    assert code.shape == (1, 64, 1, 1, 1)
    assert 2 * 32**3 / code.numel() == 1024


def test_state_and_restore_give_the_same_reconstruction():
    config = AutoencoderConfig(channels=(4, 8), bfloat16=False)
    first = Autoencoder(config, build_network(config, 2, seed=3), "cpu")
    second = Autoencoder.restore(config, {n: v.half().float() for n, v in first.state().items()}, "cpu", None)
    image = torch.rand(1, 2, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(first.reconstruct(image), second.reconstruct(image), atol=1e-2)
    assert first.network_evaluations == 1
    other = Autoencoder(config, build_network(config, 2, seed=4), "cpu")
    assert not torch.allclose(first.reconstruct(image), other.reconstruct(image), atol=1e-2)


def test_edges_that_do_not_halve_are_padded_with_background():
    config = AutoencoderConfig(channels=(4, 8, 8))
    images = Autoencoder(config, build_network(config, 1, 0), "cpu").padded(torch.zeros(2, 1, 17, 16, 9))
    assert images.shape == (2, 1, 24, 16, 16)
    assert images[:, :, :17, :16, :9].eq(0).all()
    assert images.sum() == -(images.numel() - 2 * 17 * 16 * 9)
