"""Free-response ROC curves from the maps of finished runs."""

from collections.abc import Mapping
from pathlib import Path

from bench.errors import BenchError
from bench.reporting import Reporter
from bench.runs.case_pool import case_pool
from bench.runs.run_folder import RunFolder
from bench.runs.thresholds import ScoredCases
from datasets.dataset import Dataset
from metrics.froc import Detections, count_detections
from metrics.protocol import Protocol
from metrics.thresholds import pooled_candidates


def froc_curves(
    dataset: Dataset, folders: Mapping[str, Path], protocol: Protocol, reporter: Reporter, workers: int | None = None
) -> dict[str, Detections]:
    """Row label -> what is found over the protocol's candidates for one threshold of all cases, of post-processed maps.

    folders: row label -> run folder. Only cases that are scored count. BenchError for maps that are damaged.
    """
    curves = {}
    with reporter.task("counting lesions and false connected components", len(folders)) as tick:
        for label, path in folders.items():
            cases = ScoredCases(RunFolder.load(path), dataset)
            try:
                with case_pool(workers) as pool:
                    thresholds = pooled_candidates(cases, protocol, pool.map)
                    curve = count_detections(cases, thresholds, protocol, pool.map)
            except ValueError as error:
                raise BenchError(f"{label}: {error}") from error
            curves[label] = curve
            tick(note=label)
    return curves
