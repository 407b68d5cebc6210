"""The autoencoder: it has a bottleneck, comes back from its file, and pads what does not halve."""

import torch

from methods.parts.autoencoder import Autoencoder, AutoencoderConfig, build_network


def test_the_code_is_far_smaller_than_the_image():
    network = build_network(AutoencoderConfig(), channels=2, seed=0).eval()
    with torch.no_grad():
        code = network[0].encode(torch.zeros(1, 2, 32, 32, 32))
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
