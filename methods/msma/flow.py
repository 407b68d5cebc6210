"""The conditional normalizing flow over score norms: coupling splines on a mixture of Gaussians.

Source: paper section 4.1; sizes of the defaults from the authors' code. Built from zuko's transforms.
"""

import torch
import torch.nn.functional as F
import zuko
import zuko.mixtures
from torch import Tensor, nn

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


def conditional_flow(
    features: int, context: int, blocks: int, hidden: int, residual_blocks: int, bins: int, mixture: int
) -> zuko.lazy.Flow:
    """A flow p(x | c) over (N, features) given (N, context).

    Each block is an invertible linear map and a coupling of rational-quadratic splines; an affine autoregressive
    layer follows; the base is a trainable mixture of Gaussians that depends on the context.
    """
    transforms: list[nn.Module] = []
    shapes = [(bins,), (bins,), (bins - 1,)]
    for block in range(blocks):
        transforms.append(
            zuko.lazy.UnconditionalTransform(zuko.transforms.LULinearTransform, torch.eye(features), buffer=False)
        )
        mask = (torch.arange(features) + block) % 2 == 1
        coupling = zuko.flows.GeneralCouplingTransform(
            features,
            context,
            mask=mask if features > 1 else None,
            univariate=zuko.transforms.MonotonicRQSTransform,
            shapes=shapes,
        )
        if features > 1:
            inside = int(mask.sum())
            outputs = (features - inside) * coupling.total
            coupling.hyper = ResidualMLP(inside + context, outputs, hidden, residual_blocks)
        transforms.append(coupling)
    transforms.append(zuko.flows.MaskedAutoregressiveTransform(features, context, hidden_features=(hidden,)))
    base = zuko.mixtures.GMM(
        features, context, components=mixture, covariance_type="diagonal", hidden_features=(hidden,)
    )
    return zuko.lazy.Flow(transforms, base)
