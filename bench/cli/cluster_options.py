"""Options that say where the work is done: in this process, or on a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.runs.backend import Backend
    from bench.together import Compute, Together

CLUSTER = "Cluster"


@dataclass(frozen=True)
class ClusterOptions:
    """Which cluster, and what a worker takes of it."""

    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="<local|auto|HOST:PORT>",
            help="Spread cases over this machine's GPUs or cores (local), or over a Ray cluster.",
            rich_help_panel=CLUSTER,
        ),
    ] = None
    gpus_per_worker: Annotated[
        float | None,
        typer.Option(min=0, help="GPUs of a worker, 0.5 for two on one; 1 if not given.", rich_help_panel=CLUSTER),
    ] = None

    def check(self) -> None:
        """BenchError for options that do not go together."""
        if self.cluster is None and self.gpus_per_worker is not None:
            raise BenchError("--gpus-per-worker goes with --cluster: name one, or leave it out.")

    @contextmanager
    def backend(self, threads: int | None) -> "Iterator[Backend]":
        """The place to work; a cluster of this machine's own ends with the block. threads: of a worker."""
        if self.cluster is None:
            from bench.runs.backend import LocalBackend

            yield LocalBackend()
        else:
            from bench.cluster.backend import ray_backend

            with ray_backend(self.cluster, self.gpus_per_worker, threads) as found:
                yield found


@dataclass(frozen=True)
class DeviceOptions:
    """Which devices train as one, and how they are used."""

    devices: Annotated[
        int, typer.Option(min=1, help="GPUs, or processes on CPUs, that train as one.", rich_help_panel=CLUSTER)
    ] = 1
    nodes: Annotated[
        int,
        typer.Option(
            min=1, help="Machines, each with --devices; start with torchrun or srun.", rich_help_panel=CLUSTER
        ),
    ] = 1
    largest_batch: Annotated[
        int | None,
        typer.Option(min=1, help="Images at once; the gradients of a batch are added up.", rich_help_panel=CLUSTER),
    ] = None
    recompute_activations: Annotated[
        bool, typer.Option("--recompute-activations", help="Slower, in less memory.", rich_help_panel=CLUSTER)
    ] = False
    compile: Annotated[
        bool, typer.Option("--compile/--no-compile", help="Translate networks for the GPU.", rich_help_panel=CLUSTER)
    ] = True

    def compute(self) -> "Compute":
        """How trainings use their devices."""
        from bench.together import Compute

        return Compute(self.compile, self.largest_batch, self.recompute_activations)

    @contextmanager
    def together(self, device: str) -> "Iterator[tuple[Together, str]]":
        """The processes that train as one, started now, and this one's device. device: "auto", "cpu" or "cuda"."""
        from bench.runs.choice import chosen_device
        from bench.together import Together

        if self.devices * self.nodes == 1:
            yield Together(), device
            return
        from bench.cluster.devices import joined_devices

        with joined_devices(chosen_device(device), self.devices, self.nodes) as joined:
            yield joined, joined.device
