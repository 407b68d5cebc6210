import pytest
import torch

from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.network import GroupNorm
from methods.diffusion.score_model import build_network
from methods.parts.precision import arithmetic, has_bfloat16


def test_the_default_network_is_as_large_as_the_papers() -> None:
    with torch.device("meta"):
        network = build_network(ScoreModelConfig(), 2, torch.Generator())
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert 35 < millions < 50  # the authors' has 44.0


def test_a_fresh_network_is_finite_and_depends_on_the_noise_level(tiny: ScoreModelConfig) -> None:
    network = build_network(tiny, 1, torch.Generator().manual_seed(0))
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    image = torch.randn(1, 1, 16, 24, 8)
    low, high = (network(image, torch.tensor([sigma])) for sigma in (0.06, 545.0))
    assert low.shape == image.shape
    assert torch.isfinite(low).all()
    assert torch.isfinite(high).all()
    assert not torch.allclose(low, high)


def test_bfloat16_gradients_are_finite_on_tiny_volumes() -> None:
    # oneDNN's bfloat16 weight gradient reads unset memory on volumes of 2 x 2 x 2.
    config = ScoreModelConfig(width=16, multipliers=(1, 4), blocks_down=(1, 1), blocks_up=(1,), bfloat16=True)
    network = build_network(config, 1, torch.Generator().manual_seed(0))
    for _ in range(5):
        with arithmetic("cpu", True):
            out = network(torch.randn(2, 1, 4, 4, 4), torch.ones(2))
        out.float().square().mean().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_bfloat16_agrees_with_float32(tiny: ScoreModelConfig) -> None:
    network = build_network(tiny, 2, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(network.last.weight, std=0.1, generator=torch.Generator().manual_seed(2))
    image = torch.rand(1, 2, 16, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1
    with torch.no_grad():
        exact = network(image, torch.tensor([0.1]))
        with arithmetic("cpu", True):
            rounded = network(image, torch.tensor([0.1])).float()
    tolerance = 0.03 if has_bfloat16("cpu") else 1e-6
    assert (rounded - exact).abs().max() < tolerance * exact.abs().max()


@pytest.mark.parametrize("spread", [1.0, 0.2])
@pytest.mark.parametrize("batch", [1, 2])
def test_group_norm_in_channels_last_agrees_with_float64(batch: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(0)
    norm = GroupNorm(8)
    norm.weight.data, norm.bias.data = torch.rand(8, generator=generator), torch.rand(8, generator=generator)
    volumes = 3 + spread * torch.randn(batch, 8, 40, 40, 40, generator=generator)
    upstream = torch.randn(volumes.shape, generator=generator)
    volumes = volumes.contiguous(memory_format=torch.channels_last_3d).requires_grad_()
    found = norm(volumes)
    (gradient,) = torch.autograd.grad((found * upstream).sum(), volumes)

    exact = volumes.detach().double().contiguous().requires_grad_()
    expected = torch.nn.functional.group_norm(exact, 2, norm.weight.double(), norm.bias.double())
    (expected_gradient,) = torch.autograd.grad((expected * upstream.double()).sum(), exact)
    assert found.is_contiguous(memory_format=torch.channels_last_3d)
    assert (found.double() - expected).norm() < 5e-5 * expected.norm()
    assert (gradient.double() - expected_gradient).norm() < 5e-5 * expected_gradient.norm()
