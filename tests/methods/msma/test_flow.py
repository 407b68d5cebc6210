import math

import torch

from methods.msma.flow import conditional_flow


def small_flow(features: int, context: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return conditional_flow(features, context, blocks=2, hidden=16, residual_blocks=1, bins=4, mixture=3)


def test_the_density_integrates_to_one() -> None:
    flow = small_flow(2, 1)
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
