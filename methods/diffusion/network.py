"""The 3D U-Net that estimates the noise in a volume, conditioned on the noise level.

Facts of the architecture: the authors' public code (BigGAN-style residual blocks, Fourier features of the
noise level, skips added). What differs by default: see docs/methods.md.
"""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class GroupNorm(nn.GroupNorm):
    """Group normalization with groups of at least four channels, at most 32 groups."""

    def __init__(self, channels: int) -> None:
        groups = min(32, max(1, channels // 4))
        while channels % groups:
            groups -= 1
        super().__init__(groups, channels)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or x.dtype != torch.float32 or x.is_contiguous():
            return super().forward(x)
        # torch adds up a whole channels-last volume in one float32 number: an error of 1e-4 that varies with the
        # number of threads. Here plane by plane, then in float64.
        batch, channels, planes = x.shape[:3]
        rows = x.permute(0, 2, 3, 4, 1).reshape(batch, planes, -1, channels)
        means = rows.mean(dim=2).double().mean(dim=1)
        squares = (torch.linalg.vector_norm(rows, dim=2).double().square() / rows.shape[2]).mean(dim=1)
        mean = means.view(batch, self.num_groups, -1).mean(dim=2, keepdim=True)
        variance = squares.view(batch, self.num_groups, -1).mean(dim=2, keepdim=True) - mean.square()
        scale = (variance.clamp(min=0) + self.eps).rsqrt() * self.weight.view(self.num_groups, -1)
        shift = self.bias.view(self.num_groups, -1) - mean * scale
        scale, shift = (each.float().view(batch, channels, 1, 1, 1) for each in (scale, shift))
        return torch.addcmul(shift, x, scale)


class FourierFeatures(nn.Module):
    """Learnable Fourier features of log sigma: (B,) -> (B, 2 * features)."""

    def __init__(self, features: int, scale: float, generator: torch.Generator) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(features, generator=generator) * scale)

    def forward(self, log_sigma: Tensor) -> Tensor:
        angles = 2 * math.pi * log_sigma[:, None] * self.frequencies[None]
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class ResidualBlock(nn.Module):
    """Norm, activation, convolution, shift and scale by the noise embedding, then the same again, plus skip."""

    def __init__(self, inputs: int, outputs: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.norm_in = GroupNorm(inputs)
        self.conv_in = nn.Conv3d(inputs, outputs, 3, padding=1)
        self.scale_and_shift = nn.Linear(embedding, 2 * outputs)
        self.norm_out = GroupNorm(outputs)
        self.dropout = nn.Dropout(dropout)
        self.conv_out = nn.Conv3d(outputs, outputs, 3, padding=1)
        self.activation_in = nn.SiLU()
        self.activation_out = nn.SiLU()
        self.skip: nn.Module = nn.Conv3d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        # oneDNN's bfloat16 gradient of a 3D convolution reads unset memory on volumes this small.
        if x.device.type == "cpu" and x.requires_grad and min(x.shape[2:]) < 4:
            with torch.autocast("cpu", enabled=False):
                return self._transform(x.float(), embedding.float())
        return self._transform(x, embedding)

    def _transform(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv_in(self.activation_in(self.norm_in(x)))
        scale, shift = self.scale_and_shift(embedding)[:, :, None, None, None].chunk(2, dim=1)
        h = torch.addcmul(h + shift, h, scale)
        h = self.conv_out(self.dropout(self.activation_out(self.norm_out(h))))
        out: Tensor = (h + self.skip(x)) / math.sqrt(2)
        return out


class ScoreNetwork(nn.Module):
    """Estimates sigma times the score of a noisy volume: (B, C, X, Y, Z), (B,) -> (B, C, X, Y, Z).

    X, Y, Z are multiples of `self.multiple_of`. `widths` are the channels of each level, fine to coarse;
    `blocks_down` and `blocks_up` the residual blocks at each.
    """

    def __init__(
        self,
        channels: int,
        widths: tuple[int, ...],
        blocks_down: tuple[int, ...],
        blocks_up: tuple[int, ...],
        fourier_features: int,
        fourier_scale: float,
        dropout: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.multiple_of = 2 ** (len(widths) - 1)
        embedding = 4 * fourier_features
        self.embed = nn.Sequential(
            FourierFeatures(fourier_features, fourier_scale, generator),
            nn.Linear(2 * fourier_features, embedding),
            nn.SiLU(),
            nn.Linear(embedding, embedding),
            nn.SiLU(),
        )

        def stage(width: int, blocks: int) -> nn.ModuleList:
            return nn.ModuleList(ResidualBlock(width, width, embedding, dropout) for _ in range(blocks))

        pairs = list(itertools.pairwise(widths))
        self.first = nn.Conv3d(channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(stage(w, n) for w, n in zip(widths, blocks_down, strict=True))
        self.shrink = nn.ModuleList(nn.Conv3d(fine, coarse, 3, 2, 1) for fine, coarse in pairs)
        self.grow = nn.ModuleList(nn.Conv3d(coarse, fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(stage(w, n) for w, n in zip(widths[:-1], blocks_up, strict=True))
        self.norm = GroupNorm(widths[0])
        self.activation = nn.SiLU()
        self.last = nn.Conv3d(widths[0], channels, 3, padding=1)
        self.recompute_activations = False  # in training: a third slower, in much less memory

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        embedding = self.embed(sigma.log())
        # The input keeps unit size at every noise level; the first convolution sees no values of 545.
        h = self.first(x / (1 + sigma**2).sqrt().view(-1, 1, 1, 1, 1))
        skips = []
        for level, stage in enumerate(self.down):
            for block in stage:  # type: ignore[attr-defined]
                h = self._through(block, h, embedding)
            if level < len(self.shrink):
                skips.append(h)
                h = self.shrink[level](h)
        for level in reversed(range(len(self.up))):
            h = F.interpolate(self.grow[level](h), scale_factor=2, mode="trilinear")
            h = (h + skips[level]) / math.sqrt(2)
            for block in self.up[level]:  # type: ignore[attr-defined]
                h = self._through(block, h, embedding)
        out: Tensor = self.last(self.activation(self.norm(h)))
        return out

    def _through(self, block: nn.Module, h: Tensor, embedding: Tensor) -> Tensor:
        if self.recompute_activations and torch.is_grad_enabled():
            out: Tensor = checkpoint(block, h, embedding, use_reentrant=False)
        else:
            out = block(h, embedding)
        return out
