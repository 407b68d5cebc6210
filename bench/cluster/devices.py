"""Several devices that train as one, on one machine or several: processes started and joined by Lightning Fabric."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from bench.errors import BenchError
from bench.together import Together

ENDED = "Another process of this training ended: start the command again, it goes on from the last checkpoint."


@dataclass(frozen=True)
class FabricTogether(Together):
    """Processes joined by Fabric. fabric: of this process; device: the one it computes on, such as "cuda:1"."""

    fabric: Any = None
    device: str = "cpu"

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        flat = torch.cat([tensor.detach().float().flatten() for tensor in tensors])
        try:
            total = self.fabric.all_reduce(flat, reduce_op="sum")
        except RuntimeError as error:
            raise BenchError(ENDED) from error
        for tensor, part in zip(tensors, total.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def agreed(self, value: bool) -> bool:
        try:
            return bool(self.fabric.broadcast(value, src=0))
        except RuntimeError as error:
            raise BenchError(ENDED) from error


@contextmanager
def joined_devices(device: str, devices: int, nodes: int) -> Iterator[FabricTogether]:
    """This process as one of `devices` on each of `nodes` machines, for as long as this lasts.

    Starts the other processes of this machine, unless torchrun or SLURM's srun did: Fabric reads what they say.

    Args:
        device: "cpu" or "cuda".
        devices: On each machine.
        nodes: How many machines; each runs the command.

    Raises:
        BenchError: For more GPUs than there are, or a launcher that started another number of processes.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    if device == "cuda" and devices > torch.cuda.device_count():
        raise BenchError(f"--devices {devices}: this machine has {torch.cuda.device_count()} GPU(s).")
    if nodes == 1 and device == "cpu":  # nothing listens beyond this machine
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    try:
        fabric = Fabric(accelerator=device, devices=devices, num_nodes=nodes, strategy="ddp")
        signal.signal(signal.SIGTERM, _stop)  # which Fabric sends when a process that it started has died
        fabric.launch()
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())[:200]
        raise BenchError(f"--devices {devices} --nodes {nodes} cannot be started: {why}") from error
    if fabric.world_size != devices * nodes:
        raise BenchError(
            f"The launcher started {fabric.world_size} processes, but --devices {devices} --nodes {nodes} asks for "
            f"{devices * nodes}: make them agree."
        )
    try:
        yield FabricTogether(fabric.global_rank, fabric.world_size, fabric, str(fabric.device))
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _stop(_signal: int, _frame: object) -> None:
    raise BenchError(ENDED)
