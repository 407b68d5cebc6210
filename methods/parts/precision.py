"""Number format of the network's arithmetic: bfloat16 where the device computes in it, float32 elsewhere."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

SMALLEST_EDGE = 4  # oneDNN's bfloat16 gradients are wrong on volumes with shorter edges


def has_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 in hardware; emulation would be slower than float32."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    avx512 = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return bool(avx512() or amx())


def arithmetic(device: str, bfloat16: bool) -> AbstractContextManager[None]:
    """Context in which convolutions run in bfloat16, when asked for and had."""
    return torch.autocast(device.split(":")[0], torch.bfloat16, enabled=bfloat16 and has_bfloat16(device))


def computed(network: nn.Module, images: Tensor, multiple_of: int, device: str, bfloat16: bool) -> Tensor:
    """What a network that halves volumes to a `multiple_of`-th gives on a device, in float32: (B, C, X, Y, Z)."""
    large = min(images.shape[2:]) // multiple_of >= SMALLEST_EDGE
    with arithmetic(device, bfloat16 and large):
        out: Tensor = network(images.to(device))
    return out.float()


def training_memory_format(device: str) -> torch.memory_format:
    """Channels last where tensor cores want it.

    Not on a CPU: torch's channels-last group norm there takes the variance as a difference of sums, which is
    negative, and so NaN, on nearly constant crops. Scoring is in channels last everywhere: whole brains are never
    nearly constant, and convolutions are up to 1.6 times as fast.
    """
    return torch.channels_last_3d if device.startswith("cuda") else torch.contiguous_format
