"""Thresholds that all cases share: learned on healthy validation maps, or the best one for the test set."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.runs.case_pool import case_pool
from bench.runs.run_folder import RunFolder, load_map
from datasets.case import BoolArray
from datasets.dataset import Dataset
from metrics.protocol import Protocol
from metrics.thresholds import ScoredCase, dataset_threshold, healthy_threshold


def shared_threshold(folder: RunFolder, dataset: Dataset, protocol: Protocol, workers: int | None = None) -> float:
    """One threshold for all cases of a run, in units of its maps. BenchError when maps it needs are missing."""
    if protocol.false_positive_rate is not None:
        return _from_healthy_maps(folder, dataset, protocol.false_positive_rate)
    try:
        with case_pool(workers) as pool:
            return dataset_threshold(ScoredCases(folder, dataset), protocol, pool.map)
    except ValueError as error:
        raise BenchError(f"{folder.record.method}: {error}") from error


def _from_healthy_maps(folder: RunFolder, dataset: Dataset, false_positive_rate: float) -> float:
    paths, brain_masks = [], []
    for path, brain_mask in _healthy_cases(folder, dataset):
        paths.append(path)
        brain_masks.append(brain_mask)
    if not paths or not all(path.exists() for path in paths):
        raise BenchError(
            f"{folder.record.method} has no maps of healthy validation cases yet: "
            + (
                "evaluate it with --healthy-maps once."
                if folder.record.external
                else "run it with this --protocol once, nothing else is scored again."
            )
        )
    return healthy_threshold((load_map(path) for path in paths), brain_masks, false_positive_rate)


def _healthy_cases(folder: RunFolder, dataset: Dataset) -> Iterator[tuple[Path, BoolArray]]:
    """Maps and brain masks of the dataset's validation cases; where it has none, those that came with the maps."""
    for case in dataset.validation:
        yield folder.validation_path(case.id), case.brain_mask
    if not dataset.validation:
        for path in folder.healthy_brains():
            yield folder.validation_path(path.name.removesuffix(".nii.gz")), load_map(path) > 0


class ScoredCases(Sequence[ScoredCase]):
    """The scored cases that have labels to compare with, read anew each time they are asked for."""

    def __init__(self, folder: RunFolder, dataset: Dataset) -> None:
        self.folder = folder
        self.dataset = dataset
        self.indices = [i for i, case_id in enumerate(dataset.test_ids) if folder.is_scored(case_id)]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:  # never asked for a slice
        case = self.dataset.test[self.indices[index]]
        if case.lesion_mask is None:
            raise BenchError(f"{case.id} has no lesion mask, so no threshold can be chosen by it.")
        anomaly_map = load_map(self.folder.prepared_path(case.id))
        return ScoredCase(anomaly_map, case.lesion_mask, case.brain_mask, case.spacing_mm)
