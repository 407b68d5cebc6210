"""Runs on a cluster: this command is the driver, it keeps records, tables and MLflow; workers fit, score, evaluate."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.cluster.crew import Crew
from bench.cluster.session import ray_session
from bench.cluster.worker import Worker
from bench.errors import BenchError
from bench.reporting import Reporter
from bench.runs.backend import Evaluate
from bench.runs.scoring import Scorer, ScoringJob


@dataclass(frozen=True)
class Share:
    """What one worker takes of the cluster.

    gpus: May be a fraction, so that several workers share a GPU; 0 for none. threads: CPU cores, and threads of torch.
    """

    gpus: float
    threads: int

    def __post_init__(self) -> None:
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise BenchError(f"--gpus-per-worker {self.gpus}: a worker takes a part of a GPU, or whole ones.")


@contextmanager
def ray_backend(
    where: str, gpus_per_worker: float | None = None, threads: int | None = None, cores: int | None = None
) -> Iterator["RayBackend"]:
    """A cluster to work on.

    Args:
        where: "local", "auto" or an address, see `bench.cluster.session.ray_session`.
        gpus_per_worker: 1 if None, where there are GPUs.
        threads: Of a worker; 1 if None.
        cores: That "local" takes of this machine; all if None.

    Raises:
        BenchError: Without Ray, without such a cluster, and when none of its machines has room for a worker.
    """
    if gpus_per_worker:
        Share(gpus_per_worker, 1)  # is refused before seconds of starting Ray
    with ray_session(where, cores) as ray:
        default = min(1.0, float(ray.cluster_resources().get("GPU", 0)))
        share = Share(default if gpus_per_worker is None else gpus_per_worker, threads or 1)
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(one.get("GPU", 0) >= share.gpus and one.get("CPU", 0) >= share.threads for one in machines):
            asked = f"--gpus-per-worker {share.gpus:g}, --threads {share.threads}"
            raise BenchError(f"{asked}: no machine of the cluster has so many GPUs and cores for a worker.")
        yield RayBackend(ray, share)


class RayBackend:
    """The cluster that Ray is connected to."""

    def __init__(self, ray: Any, share: Share) -> None:
        self.ray = ray
        self.share = share

    @property
    def most_workers(self) -> int:
        """As many as the cluster has GPUs for, or cores where workers take no GPU; at least one."""
        has = self.ray.cluster_resources()
        by_cores = has.get("CPU", 1) / self.share.threads
        return max(1, int(has.get("GPU", 0) / self.share.gpus if self.share.gpus else by_cores))

    def device(self, wanted: str) -> str:
        """The workers', whatever this machine has."""
        if wanted == "cuda" and not self.share.gpus:
            raise BenchError("--device cuda: the cluster has no GPU, or --gpus-per-worker is 0.")
        if wanted == "auto":
            return "cuda" if self.share.gpus else "cpu"
        return wanted

    @contextmanager
    def scorer(self, job: ScoringJob, reporter: Reporter) -> Iterator[Scorer]:
        """Workers for one method; they end with the block."""
        job.folder.save()  # by which workers see that the disk is shared
        kept = self.ray.put(job)
        gpus = self.share.gpus if job.method.device == "cuda" else 0
        actor = self.ray.remote(Worker).options(
            num_cpus=self.share.threads,
            num_gpus=gpus,
            max_concurrency=2,  # a case, and a look at the progress
            max_restarts=0,  # the crew begins another one, on any machine
        )
        crew = Crew(self.ray, lambda: actor.remote(kept, self.share.threads), self.most_workers, reporter)
        try:
            yield crew
        finally:
            crew.close()

    @contextmanager
    def evaluating(self, evaluate: Evaluate) -> Iterator[Callable[[int], object]]:
        """On cores that are free; at the end, what is not evaluated yet is waited for."""
        kept = self.ray.put(evaluate)
        task = self.ray.remote(_evaluated).options(num_cpus=1)
        begun: list[Any] = []
        try:
            yield lambda index: begun.append(task.remote(kept, index))
            if begun:
                self.ray.wait(begun, num_returns=len(begun))
        except BaseException:
            for one in begun:
                self.ray.cancel(one, force=True)
            raise


def _evaluated(evaluate: Evaluate, index: int) -> None:
    """Evaluate a case; the result is kept in its file."""
    evaluate(index, None)
