import math

import pytest
import torch

from methods.msma.config import PatchDensityConfig
from methods.msma.flow import KindsApart, conditional_flow


def small_flow(features: int, context: int, **settings: object) -> torch.nn.Module:
    torch.manual_seed(0)
    sizes = {"blocks": 2, "hidden": 16, "residual_blocks": 1, "bins": 4, "mixture": 3, "norms": "standardised"}
    return conditional_flow(PatchDensityConfig.model_validate(sizes | settings), features, context)


@pytest.mark.parametrize("settings", [{}, {"norms": "raw"}, {"conditional_base": False}])
def test_the_density_integrates_to_one(settings: dict[str, object]) -> None:
    flow = small_flow(2, 1, **settings)
    for parameter in flow.parameters():
        parameter.data.add_(0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    axis = torch.linspace(-25, 25, 601)
    points = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        density = flow(torch.full((len(points), 1), 0.7)).log_prob(points).exp()
    assert abs(density.sum().item() * (axis[1] - axis[0]).item() ** 2 - 1) < 0.02


def test_the_likelihood_learns_the_closed_form_of_a_conditional_gaussian() -> None:
    # x | c ~ N((c, -c), diag(0.5^2, 1)): the best mean log-likelihood is minus its entropy.
    flow = small_flow(2, 1)
    generator = torch.Generator().manual_seed(0)
    sd = torch.tensor([0.5, 1.0])

    def draw(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        c = torch.rand(count, 1, generator=generator) * 2 - 1
        return torch.cat([c, -c], 1) + sd * torch.randn(count, 2, generator=generator), c

    optimizer = torch.optim.Adam(flow.parameters(), 5e-3)
    for _ in range(300):
        x, c = draw(512)
        loss = -flow(c).log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, c = draw(4096)
    with torch.no_grad():
        found = flow(c).log_prob(x)
    z = (x - torch.cat([c, -c], 1)) / sd
    exact = -0.5 * (z**2).sum(1) - sd.log().sum() - math.log(2 * math.pi)
    assert abs((found - exact).mean().item()) < 0.06
    assert (found - exact).abs().mean().item() < 0.25


def test_raw_norms_are_scaled_by_the_affine_layer_before_the_splines_see_them() -> None:
    """Norms of two noise levels: around 40 and around 0.05, far from where splines act and from each other."""
    generator = torch.Generator().manual_seed(0)
    mean, sd = torch.tensor([40.0, 0.05]), torch.tensor([4.0, 0.01])

    def excess(norms: str, steps: int = 400) -> float:
        """Nats above the best density there is."""
        flow = small_flow(2, 1, norms=norms)
        optimizer = torch.optim.Adam(flow.parameters(), 1e-2)
        for _ in range(steps):
            x = mean + sd * torch.randn(256, 2, generator=generator)
            loss = -flow(torch.zeros(256, 1)).log_prob(x).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item() - (0.5 + 0.5 * math.log(2 * math.pi)) * 2 - sd.log().sum().item()

    assert excess("raw") < 0.5


def test_without_a_conditional_base_the_gaussians_are_the_same_everywhere() -> None:
    contexts = torch.tensor([[-1.0], [1.0]])
    for conditional in (True, False):
        base = small_flow(2, 1, conditional_base=conditional).base
        one, other = (base(context).log_prob(torch.zeros(2)) for context in contexts)
        assert torch.equal(one, other) != conditional


def test_kinds_apart_add_up_and_say_nothing_of_each_other() -> None:
    config = PatchDensityConfig(norms="standardised", blocks=1, hidden=8, residual_blocks=1, mixture=2)
    torch.manual_seed(0)
    apart = KindsApart(config, [True, False, True, False, False], context=1)
    features, context = torch.randn(50, 5, generator=torch.Generator().manual_seed(1)), torch.ones(50, 1)
    with torch.no_grad():
        found = apart(features, context)
        norms, means = (flow(context) for flow in apart.flows)
        expected = norms.log_prob(features[:, [0, 2]]) + means.log_prob(features[:, [1, 3, 4]])
        torch.testing.assert_close(found, expected)
        other = features.clone()
        other[:, [1, 3, 4]] += 1
        change = apart(other, context) - found
    torch.testing.assert_close(change, means.log_prob(other[:, [1, 3, 4]]) - means.log_prob(features[:, [1, 3, 4]]))


def test_one_kind_apart_is_one_flow() -> None:
    config = PatchDensityConfig(norms="standardised", blocks=1, hidden=8, residual_blocks=1, mixture=2)
    torch.manual_seed(0)
    joint = conditional_flow(config, 3, 1)
    torch.manual_seed(0)
    apart = KindsApart(config, [True] * 3, context=1)
    features, context = torch.randn(20, 3, generator=torch.Generator().manual_seed(1)), torch.ones(20, 1)
    with torch.no_grad():
        torch.testing.assert_close(apart(features, context), joint(context).log_prob(features))
