"""What the flow is told of a patch beside its score norms and its place: features of the whole image."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.msma.position import position_code

HEADS = 8

Shape = tuple[int, int, int]


class GlobalEmbedding(nn.Module):
    """Features of a whole image: (B, C, X, Y, Z) -> (B, features), on the grid it was made for.

    Two strided convolutions with a large receptive field and no activation, a residual block, self-attention over the
    resulting tokens with their positions, a feed-forward layer, and the mean over tokens. Source: paper section 4.1;
    layers and sizes from the authors' code.
    """

    def __init__(self, channels: int, shape: Shape, features: int, width: int) -> None:
        super().__init__()
        self.coarse = nn.Conv3d(channels, channels, 17, stride=8, padding=8)
        self.coarser = nn.Conv3d(channels, channels, 3, stride=2, padding=1)
        grid = [-(-edge // 16) for edge in shape]
        self.block = ResidualBlock(channels, grid)
        self.widen = nn.Linear(channels, width, bias=False)
        self.norm_in = nn.LayerNorm(width)
        self.attend = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, features, bias=False), nn.GELU(), nn.Linear(features, features, bias=False)
        )
        self.norm_out = nn.LayerNorm(features)
        self.register_buffer("positions", token_positions(grid, width), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        cells = self.block(self.coarser(self.coarse(image)))
        tokens = self.norm_in(self.widen(cells.flatten(2).transpose(1, 2)) + self.positions)
        attended, _ = self.attend(tokens, tokens, tokens, need_weights=False)
        out: Tensor = self.norm_out(self.feed_forward(tokens + attended)).mean(dim=1)
        return out


class ResidualBlock(nn.Module):
    """Twice layer norm over the grid, activation, convolution; plus what came in. It starts as the identity."""

    def __init__(self, channels: int, grid: list[int]) -> None:
        super().__init__()
        self.norm_in, self.norm_out = nn.LayerNorm(grid), nn.LayerNorm(grid)
        self.conv_in = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv_out = nn.Conv3d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(F.silu(self.norm_in(x)))
        out: Tensor = x + self.conv_out(F.silu(self.norm_out(h)))
        return out


def token_positions(grid: list[int], features: int) -> Tensor:
    """(tokens, features) position codes of a grid, padded with zeros to the width asked for."""
    axes = [(torch.arange(n) + 0.5) / n * 2 - 1 for n in grid]
    coordinates = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, 3)
    code = position_code(coordinates, features)
    return F.pad(code, (0, features - code.shape[1]))
