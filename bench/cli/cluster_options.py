"""Options that say where the work is done: in this process, or on a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.runs.backend import Backend

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
