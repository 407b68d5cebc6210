"""What the flow is told of a patch beside its score norms: its place, and features of the whole image."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.msma.position import position_code


class GlobalEmbedding(nn.Module):
    """Features of a whole image: (B, C, X, Y, Z) -> (B, features).

    Two strided convolutions with a large receptive field, self-attention over the resulting tokens with their
    positions, and the mean over tokens. Source: paper section 4.1; sizes from the authors' code.
    """

    def __init__(self, channels: int, features: int, width: int, attention: int) -> None:
        super().__init__()
        self.coarse = nn.Conv3d(channels, width, 17, stride=8, padding=8)
        self.coarser = nn.Conv3d(width, attention, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(attention)
        self.attend = nn.MultiheadAttention(attention, num_heads=4, batch_first=True)
        self.last = nn.Linear(attention, features)
        self.attention = attention

    def forward(self, image: Tensor) -> Tensor:
        grid = self.coarser(F.silu(self.coarse(image)))
        tokens = grid.flatten(2).transpose(1, 2)
        tokens = tokens + token_positions(grid.shape[2:], self.attention).to(tokens)
        normed = self.norm(tokens)
        attended, _ = self.attend(normed, normed, normed, need_weights=False)
        out: Tensor = self.last((tokens + attended).mean(dim=1))
        return out


def token_positions(shape: torch.Size, features: int) -> Tensor:
    """(tokens, features) position codes of a grid, padded with zeros to the width asked for."""
    axes = [(torch.arange(n) + 0.5) / n * 2 - 1 for n in shape]
    coordinates = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, 3)
    code = position_code(coordinates, features)
    return F.pad(code, (0, features - code.shape[1]))
