"""The conditional normalizing flow over score norms: coupling splines on a mixture of Gaussians.

Source: paper section 4.1; sizes from the authors' code. Built from zuko's transforms.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
import zuko
import zuko.mixtures
from torch import Tensor, nn

from methods.msma.config import PatchDensityConfig
from methods.parts.precision import arithmetic


class ResidualMLP(nn.Module):
    """A linear layer, residual blocks of two linear layers, a linear layer."""

    def __init__(self, inputs: int, outputs: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.inner = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.outer = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.last = nn.Linear(hidden, outputs)
        # The flow starts close to the identity.
        with torch.no_grad():
            self.last.weight.mul_(0.1)
            self.last.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        # Scoring spends most of its time here; the splines themselves stay in float32.
        with arithmetic(x.device.type, bfloat16=not self.training):
            h = self.first(x)
            for inner, outer in zip(self.inner, self.outer, strict=True):
                h = h + outer(F.silu(inner(F.silu(h))))
            out: Tensor = self.last(F.silu(h))
        return out.float()


class Alternating(zuko.transforms.CouplingTransform):  # type: ignore[misc]
    """A coupling that leaves every other feature as it is, from the one numbered `first` on: 0 or 1.

    Zuko's own finds them by a mask, which has to be read back from a GPU at each call; slices give the same numbers.
    """

    def __init__(self, meta: Callable[[Tensor], zuko.transforms.Transform], first: int) -> None:
        zuko.transforms.Transform.__init__(self)
        self.meta = meta
        self.idx_a, self.idx_b = slice(first, None, 2), slice(1 - first, None, 2)


class AlternatingCoupling(zuko.flows.GeneralCouplingTransform):  # type: ignore[misc]
    """The same, given a context."""

    first: int

    def forward(self, c: Tensor | None = None) -> Alternating:
        return Alternating(partial(self.meta, c), self.first)


class FixedMixture(zuko.mixtures.GMM):  # type: ignore[misc]
    """A trainable mixture of Gaussians that no context changes."""

    def forward(self, c: Tensor | None = None) -> torch.distributions.Distribution:
        out: torch.distributions.Distribution = super().forward(None)
        return out


class KindsApart(nn.Module):
    """Norms and signed means each under a flow of their own, as if one kind said nothing of the other."""

    def __init__(self, config: PatchDensityConfig, are_norms: list[bool], context: int) -> None:
        super().__init__()
        kinds = [[i for i, is_norm in enumerate(are_norms) if is_norm == kind] for kind in (True, False)]
        kinds = [kind for kind in kinds if kind]
        self.flows = nn.ModuleList(conditional_flow(config, len(kind), context) for kind in kinds)
        for index, kind in enumerate(kinds):
            self.register_buffer(f"kind_{index}", torch.tensor(kind), persistent=False)

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """(N,) log p of features (N, K) given a context (N, C)."""
        found = [
            flow(context).log_prob(features.index_select(1, self.get_buffer(f"kind_{index}")))
            for index, flow in enumerate(self.flows)
        ]
        return torch.stack(found).sum(dim=0)


def conditional_flow(config: PatchDensityConfig, features: int, context: int) -> zuko.lazy.Flow:
    """A flow p(x | c) over (N, features) given (N, context).

    Each block is an invertible linear map and a coupling of rational-quadratic splines, which act on [-5, 5]. An
    affine autoregressive layer comes first where norms are not standardised, so that it scales them, and last where
    they are. The base is a trainable mixture of Gaussians that depends on the context, or a fixed one.
    """
    transforms: list[nn.Module] = []
    shapes = [(config.bins,), (config.bins,), (config.bins - 1,)]
    for block in range(config.blocks):
        transforms.append(
            zuko.lazy.UnconditionalTransform(zuko.transforms.LULinearTransform, torch.eye(features), buffer=False)
        )
        mask = (torch.arange(features) + block) % 2 == 1
        coupling = AlternatingCoupling(
            features,
            context,
            mask=mask if features > 1 else None,
            univariate=zuko.transforms.MonotonicRQSTransform,
            shapes=shapes,
        )
        if features > 1:
            coupling.first = 1 - block % 2
            inside = int(mask.sum())
            outputs = (features - inside) * coupling.total
            coupling.hyper = ResidualMLP(inside + context, outputs, config.hidden, config.residual_blocks)
        transforms.append(coupling)
    affine = zuko.flows.MaskedAutoregressiveTransform(features, context, hidden_features=(config.hidden,))
    transforms = [*transforms, affine] if config.norms == "standardised" else [affine, *transforms]
    return zuko.lazy.Flow(transforms, base_mixture(config, features, context))


def base_mixture(config: PatchDensityConfig, features: int, context: int) -> zuko.mixtures.GMM:
    """The mixture of Gaussians that the flow maps norms to."""
    if config.conditional_base:
        return zuko.mixtures.GMM(
            features,
            context,
            components=config.mixture,
            covariance_type="diagonal",
            hidden_features=(config.hidden,),
        )
    return FixedMixture(features, components=config.mixture, covariance_type="diagonal")
