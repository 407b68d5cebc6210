"""`bench predict` on a cluster: workers hold the model and take scans one by one; the driver keeps count and page."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any

from bench.cluster.backend import RayBackend
from bench.machine.memory import keep_freed_memory
from bench.machine.quiet import silence_libraries
from bench.predicting.predict import Answerer, Job
from datasets.scans.bids_layout import SubjectFiles

TRIES = 2  # of a scan whose worker dies
DIED = f"{TRIES} workers died of it; too little memory is the usual reason: take fewer workers (--threads)."


class PredictingWorker:
    """One process with the model, which it loads with its first scan. threads: of torch."""

    def __init__(self, job: Job, threads: int) -> None:
        import torch

        silence_libraries()
        keep_freed_memory()
        torch.set_num_threads(threads)
        self.answerer = Answerer(job)

    def answer(self, files: SubjectFiles) -> bool | str:
        """Answer a scan and write all of it; whether it was new, or why it is set aside."""
        return self.answerer(files)


def answers_of_workers(
    backend: RayBackend, job: Job, scans: Sequence[SubjectFiles]
) -> Iterator[tuple[SubjectFiles, bool | str]]:
    """What became of each scan, as it comes. A worker that dies is replaced, and its scan tried once more.

    Raises what stops all scans, such as a full disk.
    """
    ray = backend.ray
    waiting, died = deque(scans), Counter[str]()
    idle: list[Any] = []
    at_work: dict[Any, tuple[Any, SubjectFiles]] = {}
    kept = ray.put(job)
    actor = ray.remote(PredictingWorker).options(
        num_cpus=backend.share.threads, num_gpus=backend.share.gpus if job.device == "cuda" else 0, max_restarts=0
    )
    deaths = (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError)
    try:
        while waiting or at_work:
            while waiting and (idle or len(at_work) < backend.most_workers):
                worker = idle.pop() if idle else actor.remote(kept, backend.share.threads)
                files = waiting.popleft()
                at_work[worker.answer.remote(files)] = (worker, files)
            (ref,), _ = ray.wait(list(at_work), num_returns=1)
            worker, files = at_work.pop(ref)
            try:
                found = ray.get(ref)
            except deaths:
                died[files.id] += 1
                if died[files.id] < TRIES:
                    waiting.append(files)
                else:
                    yield files, DIED
            except ray.exceptions.RayTaskError as error:
                raise (error.cause if isinstance(error.cause, Exception) else error) from None
            else:
                idle.append(worker)
                yield files, found
    finally:
        for worker in [*idle, *(worker for worker, _ in at_work.values())]:
            ray.kill(worker)
