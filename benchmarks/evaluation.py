"""Seconds and memory to evaluate 165 cases of 96 x 112 x 80 voxels with all metrics, from maps on disk to tables.

    python -m benchmarks.evaluation [--workers 2] [--lesion-atlas DIR] [--json]

The ten cases of threshold_search.py, repeated under names of their own: smooth maps, a bright rim, 20 ml of lesions.
Each is read from disk as after a run. `cpu_s` is the processor time of all threads, so cpu_s / workers is the time on
a machine that does nothing else. Memory: the highest of the process, libraries included, and what of it was added by
evaluating, for each worker.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from bench.reporting import SilentReporter
from bench.runs.evaluation import evaluate
from bench.runs.run_folder import Record, RunFolder, Scored
from datasets.cache import LazyCases, write_case
from datasets.case import Case
from datasets.dataset import Dataset
from metrics.protocol import protocol


def write_run(folder: Path, count: int, atlas: Path | None) -> None:
    """A run of `count` scored cases, and the cases, as `bench run` leaves them. Works in a process of its own, so
    that what it needs does not count."""
    from benchmarks.threshold_search import CASES, make_case

    record = Record(method="made", title="made", baseline=False, paper_row=None, config={}, seed=0)
    run = RunFolder(folder / "run", record)
    made = [make_case(index, atlas) for index in range(min(count, len(CASES)))]
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    for index, case_id in enumerate(case_ids(count)):
        source = made[index % len(made)]
        brain = np.asarray(source.brain_mask, dtype=bool)
        image = np.full((2, *brain.shape), -1, np.float32)
        case = Case(case_id, image, brain, np.asarray(source.lesion_mask, dtype=bool), affine, ("T1w", "T2w"))
        write_case(folder / "cases" / f"{case_id}.safetensors", case)
        run.keep_prepared(case, np.where(brain, source.anomaly_map, 0).astype(np.float32), Scored(runtime_s=1.0))


def open_run(folder: Path, count: int, atlas: Path | None) -> tuple[RunFolder, Dataset]:
    """The run and the dataset of its cases."""
    writer = multiprocessing.get_context("spawn").Process(target=write_run, args=(folder, count, atlas))
    writer.start()
    writer.join()

    def missing(index: int) -> Case:
        raise FileNotFoundError(f"case {index}")

    ids = case_ids(count)
    cases = LazyCases(ids, missing, folder / "cases")
    return RunFolder.load(folder / "run"), Dataset("made", ("T1w",), (), (), cases, (), ids, "made", "made")


def case_ids(count: int) -> tuple[str, ...]:
    return tuple(f"sub-{index:04d}" for index in range(count))


def memory_mb(name: str) -> float:
    """VmRSS (now) or VmHWM (at the highest) of this process, from Linux's /proc."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name))) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=165)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--protocol", default="paper")
    parser.add_argument("--lesion-atlas", type=Path, help="folder of SIZECLASS/N.nii.gz; without it, blobs")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    preset = protocol(options.protocol)
    with tempfile.TemporaryDirectory() as name:
        warm, one = open_run(Path(name) / "warm", 1, options.lesion_atlas)
        evaluate(warm, one, preset, SilentReporter(), 1)  # compiles
        run, dataset = open_run(Path(name), options.cases, options.lesion_atlas)
        Path("/proc/self/clear_refs").write_text("5")  # forget the highest memory so far
        before_mb, wall, cpu = memory_mb("VmRSS"), time.perf_counter(), time.process_time()
        result = evaluate(run, dataset, preset, SilentReporter(), options.workers)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert result.n == options.cases, result.error
    numbers = {
        "protocol": str(preset),
        "cases": options.cases,
        "workers": options.workers,
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "cpu_s_per_case": round(cpu / options.cases, 3),
        "memory_mb_per_worker": round((memory_mb("VmHWM") - before_mb) / options.workers),
        "process_peak_mb": round(memory_mb("VmHWM")),
        "mean_dice": result.metrics["dice"].mean,
    }
    print(json.dumps(numbers) if options.json else "\n".join(f"{key:20} {value}" for key, value in numbers.items()))


if __name__ == "__main__":
    main()
